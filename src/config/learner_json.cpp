// SPDX-License-Identifier: Apache-2.0
#include "learner_json.hpp"

#include <assay/config.hpp>
#include <assay/data/space.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/driver_options.hpp>
#include <assay/learner/learner_inputs.hpp>
#include <assay/learner/transformed.hpp>

#include <algorithm>
#include <filesystem>
#include <map>

namespace assay::detail {

namespace {

using Forms = std::map<std::string, Json>;

Json* member(Json& json, const char* name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(name);
  return found == json.end() ? nullptr : &*found;
}

/// Nothing where there is none.
Json* innermost_learner_of(Json& configuration) {
  Json* const learner = member(configuration, "learner");
  return learner ? &innermost_learner(*learner) : nullptr;
}

/// Whether a learner of this type takes inputs in forms.
bool takes_forms(const Json& learner, const Registries& registries) {
  if (!learner.is_object() || !learner.contains("type")) return false;
  const std::string type = OptionCodec<LearnerInputs>::type();
  for (const RegistryRow& row : registries.learner.rows()) {
    if (learner.at("type") != row.key) continue;
    return std::any_of(row.options.begin(), row.options.end(),
                       [&](const OptionRow& option) { return option.name == "inputs" && option.type == type; });
  }
  return false;
}

void add_forms(const Json& inputs, Forms& forms) {
  for (const Json& input : inputs) {
    if (input.is_object() && input.contains("name") && input.at("name").is_string())
      forms.emplace(input.at("name").get<std::string>(), input);
  }
}

/// Of a campaign that has begun: as its configuration says.
Forms forms_in(Json campaign) {
  Forms forms;
  Json* const learner = innermost_learner_of(campaign);
  if (const Json* const inputs = learner ? member(*learner, "inputs") : nullptr) add_forms(*inputs, forms);
  return forms;
}

void add_forms_of_space(const Json& space, Forms& forms) {
  const Json& given = space.is_object() && space.contains("variables") ? space.at("variables") : space;
  std::vector<ErrorParts> problems;  // reported where the pools are made
  std::vector<Variable> variables;
  OptionCodec<std::vector<Variable>>::read(ConfigReader(given, "", problems, nullptr), variables);
  if (!problems.empty()) return;
  for (const Variable& variable : variables)
    add_forms(OptionCodec<LearnerInputs>::to_json({LearnerInput(variable)}), forms);
}

/// Of a new one: as the variables of the space of all pools are, or of their own.
Forms forms_of(Json& configuration) {
  Forms forms;
  if (const Json* const space = member(configuration, "space")) add_forms_of_space(*space, forms);
  Json* const pools = member(configuration, "pools");
  if (!pools) return forms;
  for (const char* name : {"unlabeled", "labeled", "validation", "test"}) {
    Json* const pool = member(*pools, name);
    if (const Json* const space = pool ? member(*pool, "space") : nullptr) add_forms_of_space(*space, forms);
  }
  return forms;
}

void give_forms(Json& inputs, const Forms& forms) {
  for (Json& input : inputs) {
    if (!input.is_string()) continue;
    if (const auto form = forms.find(input.get<std::string>()); form != forms.end()) input = form->second;
  }
}

/// Takes the transforms out of targets. \return by target.
Json take_transforms(Json& targets) {
  Json transforms = Json::object();
  for (Json& target : targets) {
    Json* const transform = member(target, "transform");
    if (!transform || !target.contains("name") || !target.at("name").is_string()) continue;
    transforms[target.at("name").get<std::string>()] = transform->is_string() ? Json{{"type", *transform}} : *transform;
    target.erase("transform");
  }
  return transforms;
}

}  // namespace

Json with_learner_resolved(Json configuration, const Registries& registries) {
  Json* const learner = innermost_learner_of(configuration);
  if (!learner || !takes_forms(*learner, registries)) return configuration;
  if (Json* const targets = member(*learner, "targets"); targets && targets->is_array()) {
    Json transforms = take_transforms(*targets);
    Json& outer = configuration.at("learner");
    if (!transforms.empty() && key_of(outer) == Transformed::key) {
      // What is no object is reported where the learner is built.
      if (const Json own = outer.value("targets", Json::object()); own.is_object()) {
        transforms.update(own);
        outer["targets"] = std::move(transforms);
      }
    } else if (!transforms.empty()) {
      Json inside = std::move(outer);
      outer = {{"type", Transformed::key}, {"learner", std::move(inside)}, {"targets", std::move(transforms)}};
    }
  }
  Json* const inputs = member(*innermost_learner_of(configuration), "inputs");
  if (!inputs || !inputs->is_array()) return configuration;
  std::filesystem::path directory = DriverOptions().dir;
  if (Json* const driver = member(configuration, "driver")) {
    if (Json* const dir = member(*driver, "dir"); dir && dir->is_string()) directory = dir->get<std::string>();
  }
  const bool begun = std::filesystem::exists(directory / "campaign.json");
  give_forms(*inputs, begun ? forms_in(kept_configuration(directory)) : forms_of(configuration));
  return configuration;
}

}  // namespace assay::detail
