// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/space.hpp>
#include <assay/detail/option_codec.hpp>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace assay {

/// A field that a learner reads, and the form in which it takes it.
struct LearnerInput {
  LearnerInput(const char* name_) : name(name_) {}
  LearnerInput(std::string name_, Scale scale_ = Scale::linear, std::vector<std::string> categories_ = {})
      : name(std::move(name_)), scale(scale_), categories(std::move(categories_)) {}
  /// A variable in the form that suits it.
  explicit LearnerInput(const Variable& variable);

  std::string name;
  Scale scale = Scale::linear;          ///< log: its logarithm is taken
  std::vector<std::string> categories;  ///< names of a category's values: each value a column of its own, 0 or 1

  bool operator==(const LearnerInput&) const = default;
};

/// The fields that a learner reads. A name alone means the numbers as they are; of a `Space` a variable with a log
/// scale is taken as its logarithm and a category as one column for each of its values, while samples hold, and
/// predictions are asked with, the plain numbers and the categories' indices.
///
///     Ensemble wear({.inputs = space, .targets = {"wear"}});
///     Ensemble drag({.inputs = {"angle", {"reynolds", Scale::log}}, .targets = {"drag"}});
///
/// In JSON a name, or `{"name": "reynolds", "scale": "log"}` or `{"name": "alloy", "categories": ["2024", "7075"]}`.
/// A configuration's plain names take the form that its pools' space gives them when a campaign is begun.
/// Errors: `ConfigError` for a category without names or with one that stands twice, or with a log scale.
class LearnerInputs {
 public:
  LearnerInputs() = default;
  LearnerInputs(std::initializer_list<LearnerInput> inputs) : LearnerInputs(std::vector<LearnerInput>(inputs)) {}
  LearnerInputs(std::vector<LearnerInput> inputs);
  LearnerInputs(const std::vector<std::string>& names);
  LearnerInputs(const Space& space);

  std::vector<std::string> names() const;
  auto begin() const noexcept { return inputs_.begin(); }
  auto end() const noexcept { return inputs_.end(); }
  bool operator==(const LearnerInputs&) const = default;

 private:
  std::vector<LearnerInput> inputs_;
};

namespace detail {

template <>
struct OptionCodec<LearnerInputs> {
  static constexpr bool numeric = false;
  static std::string type() { return "list of names, or objects with name, scale, categories"; }
  static Json to_json(const LearnerInputs& inputs);
  static void read(const ConfigReader& reader, LearnerInputs& inputs);
};

}  // namespace detail

}  // namespace assay
