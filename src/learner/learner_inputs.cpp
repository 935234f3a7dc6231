// SPDX-License-Identifier: Apache-2.0
#include "named_fields.hpp"

#include <assay/error.hpp>
#include <assay/learner/learner_inputs.hpp>
#include <assay/options.hpp>

#include <set>

namespace assay {

namespace {

/// What JSON says of an input that is more than a name.
struct WrittenInput {
  std::string name = "";
  Scale scale = Scale::linear;
  std::vector<std::string> categories = {};

  static constexpr std::array describe{OptionInfo{.name = "name", .help = "of the field", .required = true}};
};

}  // namespace

LearnerInput::LearnerInput(const Variable& variable) : name(variable.name), scale(variable.scale) {
  if (variable.kind != Kind::category) return;
  scale = Scale::linear;
  categories = variable.categories;
}

LearnerInputs::LearnerInputs(std::vector<LearnerInput> inputs) : inputs_(std::move(inputs)) {
  std::vector<ErrorParts> problems;
  for (const LearnerInput& input : inputs_) {
    const std::set<std::string> different(input.categories.begin(), input.categories.end());
    const std::string where = "/inputs/" + input.name;
    if (different.size() != input.categories.size())
      problems.push_back({"assay.config.duplicate", where, "every category once", "one twice", ""});
    if (!input.categories.empty() && input.scale == Scale::log)
      problems.push_back({"assay.config.value", where, "a log scale or categories", "both", ""});
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

LearnerInputs::LearnerInputs(const std::vector<std::string>& names) : inputs_(names.begin(), names.end()) {}

LearnerInputs::LearnerInputs(const Space& space)
    : LearnerInputs(std::vector<LearnerInput>(space.variables().begin(), space.variables().end())) {}

std::vector<std::string> LearnerInputs::names() const {
  std::vector<std::string> names;
  for (const LearnerInput& input : inputs_) names.push_back(input.name);
  return names;
}

Json detail::OptionCodec<LearnerInputs>::to_json(const LearnerInputs& inputs) {
  Json json = Json::array();
  for (const LearnerInput& input : inputs) {
    const Json name = OptionCodec<std::string>::to_json(input.name);
    if (input.scale == Scale::log) {
      json.push_back({{"name", name}, {"scale", "log"}});
    } else if (!input.categories.empty()) {
      json.push_back(
          {{"name", name}, {"categories", OptionCodec<std::vector<std::string>>::to_json(input.categories)}});
    } else {
      json.push_back(name);
    }
  }
  return json;
}

void detail::OptionCodec<LearnerInputs>::read(const ConfigReader& reader, LearnerInputs& inputs) {
  read_named_fields<LearnerInput, WrittenInput>(
      reader, inputs, "a name, or an object with name, scale, categories", [](WrittenInput written) {
        return LearnerInput(std::move(written.name), written.scale, std::move(written.categories));
      });
}

}  // namespace assay
