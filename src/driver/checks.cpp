// SPDX-License-Identifier: Apache-2.0
#include "checks.hpp"

#include <assay/detail/driver_checks.hpp>

#include <algorithm>

namespace assay::detail {

std::vector<ErrorParts> capability_problems(const std::string& where, CapabilitySet required, CapabilitySet provided) {
  const CapabilitySet missing = required.without(provided);
  if (missing.empty()) return {};
  return {{.id = "assay.driver.capability",
           .where = where,
           .expected = "a learner that provides " + describe(missing),
           .got = "one that provides " + describe(provided),
           .advice = "use another strategy, or a learner with this capability (an ensemble has variances)"}};
}

std::vector<ErrorParts> provides_problems(const std::string& where, const std::vector<std::string>& targets,
                                          const std::vector<std::string>& provides) {
  std::string list;
  for (const std::string& name : provides) list += (list.empty() ? "'" : ", '") + name + "'";
  std::vector<ErrorParts> problems;
  for (const std::string& target : targets) {
    if (std::find(provides.begin(), provides.end(), target) != provides.end()) continue;
    problems.push_back({.id = "assay.driver.provides",
                        .where = where,
                        .expected = "a label strategy that provides the learner's target '" + target + "'",
                        .got = list.empty() ? "one that provides nothing" : "one that provides " + list,
                        .advice = "add the field to 'provides' of the label strategy"});
  }
  return problems;
}

std::vector<ErrorParts> option_problems(const DriverOptions& options) {
  std::vector<ErrorParts> problems;
  const auto require = [&](bool good, const char* where, const char* expected, const std::string& got) {
    if (!good) problems.push_back({"assay.config.range", where, expected, got, {}});
  };
  require(!options.dir.empty(), "/driver/dir", "a directory", "an empty path");
  require(options.max_rounds >= 0, "/driver/max_rounds", "an integer >= 0", std::to_string(options.max_rounds));
  require(options.keep_checkpoints >= 1, "/driver/keep_checkpoints", "an integer >= 1",
          std::to_string(options.keep_checkpoints));
  require(options.checkpoint_every_epochs >= 0, "/driver/checkpoint_every_epochs", "an integer >= 0",
          std::to_string(options.checkpoint_every_epochs));
  require(!options.wall_time || options.wall_time->count() > 0, "/driver/wall_time", "more than 0 s",
          options.wall_time ? std::to_string(options.wall_time->count()) + " s" : "");
  require(options.label_budget.value_or(0) >= 0, "/driver/label_budget", "an integer >= 0",
          std::to_string(options.label_budget.value_or(0)));
  return problems;
}

std::vector<ErrorParts> metric_problems(const DriverOptions& options, const AnyMetrology& metrology,
                                        const std::vector<std::string>& targets, const Pools& pools) {
  std::vector<ErrorParts> problems;
  std::optional<std::vector<std::string>> known = metrology.metric_names();
  if (!known) return problems;
  for (std::size_t i = known->size(); i-- > 0;) {
    for (const std::string& target : targets) known->push_back((*known)[i] + "/" + target);
  }
  const bool evaluated = pools.test.size() > 0 || pools.validation.size() > 0;
  for (std::size_t i = 0; i < options.stop.size(); ++i) {
    const Json spec = options.stop[i].spec();
    const auto found = spec.find("metric");
    if (found == spec.end() || !found->is_string()) continue;
    const auto metric = found->get<std::string>();
    // The driver's own begin with the labels that come in.
    if (metric == "prequential_rmse" || metric.starts_with("random_share_rmse")) continue;
    const bool named = std::find(known->begin(), known->end(), metric) != known->end();
    if (named && evaluated) continue;
    problems.push_back({"assay.stop.metric", "/driver/stop/" + std::to_string(i) + "/metric",
                        "a metric that is measured", "'" + metric + "'",
                        named ? "metrics need a test or a validation pool" : suggest(metric, *known)});
  }
  return problems;
}

void require_numbers(const Values& sample, std::string_view where) {
  for (const NamedTensor& entry : sample) {
    if (entry.tensor.numel() > 0) continue;
    throw ShapeError({"assay.values.empty", std::string(where) + ", '" + entry.name + "'", "at least one number",
                      describe({entry.name, entry.tensor.sizes().vec(), entry.tensor.scalar_type()}), ""});
  }
}

void require_none(std::vector<ErrorParts> problems) {
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

void require_capabilities(std::string_view slot, CapabilitySet required, CapabilitySet provided) {
  require_none(capability_problems(std::string(slot), required, provided));
}

}  // namespace assay::detail
