// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/option_codec.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace assay {

/// A field that a learner predicts, and what is said of it beforehand.
struct LearnerTarget {
  LearnerTarget(const char* name_) : name(name_) {}
  LearnerTarget(std::string name_, std::optional<std::vector<std::int64_t>> shape_ = std::nullopt, double weight_ = 1,
                std::string unit_ = "")
      : name(std::move(name_)), shape(std::move(shape_)), weight(weight_), unit(std::move(unit_)) {}

  std::string name;
  std::optional<std::vector<std::int64_t>> shape;  ///< of one label; without one, that of the first label
  double weight = 1;                               ///< how much the field counts, beside others: see `LearnerTargets`
  std::string unit;                                ///< in words, for readers of the learner

  bool operator==(const LearnerTarget&) const = default;
};

/// The fields that a learner predicts. Each counts as one, a curve as much as a number, in the loss, in metrics over
/// all targets and in what is chosen, unless it has another weight; the components of a field share its weight equally.
///
///     Ensemble flow({.inputs = space, .targets = {"drag", {"pressure", std::vector<std::int64_t>{60}, 2}}});
///
/// In JSON a name, or `{"name": "pressure", "shape": [60], "weight": 2, "unit": "Pa"}`.
/// Errors: `ConfigError` for a weight that is not a finite number above zero, or an extent below one.
class LearnerTargets {
 public:
  LearnerTargets() = default;
  LearnerTargets(std::initializer_list<LearnerTarget> targets) : LearnerTargets(std::vector<LearnerTarget>(targets)) {}
  LearnerTargets(std::vector<LearnerTarget> targets);
  LearnerTargets(const std::vector<std::string>& names);

  std::vector<std::string> names() const;
  std::size_t size() const noexcept { return targets_.size(); }
  auto begin() const noexcept { return targets_.begin(); }
  auto end() const noexcept { return targets_.end(); }
  bool operator==(const LearnerTargets&) const = default;

 private:
  std::vector<LearnerTarget> targets_;
};

namespace detail {

template <>
struct OptionCodec<LearnerTargets> {
  static constexpr bool numeric = false;
  static std::string type() { return "list of names, or objects with name, shape, weight, unit"; }
  static Json to_json(const LearnerTargets& targets);
  static void read(const ConfigReader& reader, LearnerTargets& targets);
};

}  // namespace detail

}  // namespace assay
