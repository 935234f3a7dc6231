// SPDX-License-Identifier: Apache-2.0
#include "class_ids.hpp"

#include <assay/error.hpp>

namespace assay::detail {

void require_classifiable(std::int64_t classes, const std::vector<std::string>& targets) {
  if (targets.size() == 1 && classes >= 2) return;
  throw ConfigError({"assay.config.value", classes < 2 ? "/classes" : "/targets",
                     "one target with at least two classes",
                     std::to_string(targets.size()) + " targets, " + std::to_string(classes) + " classes",
                     "leave 'classes' at 0 for a regression"});
}

std::vector<TargetRule> target_rules(const LearnerTargets& targets, std::int64_t classes, bool counts_components) {
  std::vector<TargetRule> rules;
  for (const LearnerTarget& target : targets) {
    rules.push_back({.target = target.name,
                     .classes = classes,
                     .above = std::nullopt,
                     .shape = target.shape,
                     .weight = counts_components ? std::nullopt : std::optional(target.weight)});
  }
  return rules;
}

void require_one_id(std::int64_t columns, const std::string& target) {
  if (columns == 1) return;
  throw ShapeError({"assay.learner.class", "target '" + target + "'", "one class id a sample",
                    std::to_string(columns) + " numbers a sample", ""});
}

torch::Tensor class_ids(const torch::Tensor& columns, std::int64_t classes, const std::string& target) {
  require_one_id(columns.size(1), target);
  Values ids;
  ids.set(target, columns.squeeze(1));
  require_learnable(ids, target_rules({target}, classes, false), "class ids");
  return ids.at(target);
}

void require_no_class_ids(const Values& samples, const std::vector<std::string>& targets) {
  for (const std::string& target : targets) {
    if (samples.at(target).is_floating_point()) continue;
    throw ConfigError({"assay.learner.classes", "/classes", "the number of classes of target '" + target + "'",
                       "0, with whole numbers in the target",
                       "set 'classes' for class ids; give the target as floating-point numbers for a regression"});
  }
}

}  // namespace assay::detail
