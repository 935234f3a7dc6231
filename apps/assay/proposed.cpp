// SPDX-License-Identifier: Apache-2.0
#include "proposed.hpp"

#include <assay/detail/learner_spec.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/query/lcmd.hpp>
#include <assay/query/margin.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace assay::app {

namespace {

/// What a Gaussian process takes well; docs/how_to/choose_strategy_and_learner.md has the evidence.
constexpr std::int64_t most_labels = 2000;
constexpr std::size_t most_inputs = 10;

std::optional<std::int64_t> count_at(const Json& configuration, const char* pointer) {
  const Json::json_pointer place(pointer);
  if (!configuration.contains(place) || !configuration.at(place).is_number_integer()) return std::nullopt;
  return configuration.at(place).get<std::int64_t>();
}

/// Labels that a campaign may come to; nothing if it has no end that is known.
std::optional<std::int64_t> labels_of(const Json& configuration) {
  if (const auto budget = count_at(configuration, "/driver/label_budget")) return budget;
  const auto rounds = count_at(configuration, "/driver/max_rounds");
  if (!rounds) return std::nullopt;
  const std::int64_t a_round = count_at(configuration, "/query/max_samples").value_or(LcmdOptions{}.max_samples);
  return count_at(configuration, "/pools/labeled/count").value_or(0) + *rounds * a_round;
}

/// Whether a learner of this type takes all that is given for it.
bool takes(std::string_view type, const Json& learner, const Registries& registries) {
  for (const RegistryRow& row : registries.learner.rows()) {
    if (row.key != type) continue;
    return std::all_of(learner.items().begin(), learner.items().end(), [&](const auto& given) {
      return std::any_of(row.options.begin(), row.options.end(),
                         [&](const OptionRow& option) { return option.name == given.key(); });
    });
  }
  return false;
}

std::string propose_learner(Json& learner, std::optional<std::int64_t> labels, const Registries& registries) {
  const auto inputs = learner.find("inputs");
  const std::size_t width = inputs != learner.end() && inputs->is_array() ? inputs->size() : 0;
  const std::string count = labels ? "up to " + std::to_string(*labels) + " labels" : "any number of labels";
  const std::string why = count + " of " + std::to_string(width) + (width == 1 ? " input" : " inputs");
  const bool few = !learner.contains("classes") && labels && *labels <= most_labels && width <= most_inputs;
  if (few && takes(GaussianProcess::key, learner, registries)) {
    learner["type"] = GaussianProcess::key;
    return "learner gaussian_process, for " + why + "; where the response is steep or local, take ensemble";
  }
  learner["type"] = takes(Ensemble::key, learner, registries) ? Ensemble::key : Mlp::key;
  return "learner " + learner["type"].get<std::string>() + ", for " + (learner.contains("classes") ? "classes" : why);
}

}  // namespace

std::vector<std::string> propose(Json& configuration, const Registries& registries) {
  std::vector<std::string> proposed;
  if (!configuration.is_object() || !configuration.contains("learner") || !configuration["learner"].is_object())
    return proposed;
  Json& learner = detail::innermost_learner(configuration["learner"]);
  if (!learner.is_object()) return proposed;
  const bool classes = learner.contains("classes");
  if (!learner.contains("type")) proposed.push_back(propose_learner(learner, labels_of(configuration), registries));
  if (!configuration.contains("query")) {
    configuration["query"] = {{"type", classes ? Margin::key : Lcmd::key}};
    proposed.push_back(classes ? "query margin, for classes; it needs labels of every class to begin with"
                               : "query lcmd, for numbers");
  }
  return proposed;
}

}  // namespace assay::app
