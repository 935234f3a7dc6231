// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/learner_targets.hpp>
#include <assay/learner/target_rule.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace assay::detail {

/// Errors: `ConfigError` unless there is one target and at least two classes.
void require_classifiable(std::int64_t classes, const std::vector<std::string>& targets);

/// What a classification with so many classes, or with 0 a regression, asks of each target.
/// \param counts_components as after `count_components()`: fields have no weights.
std::vector<TargetRule> target_rules(const LearnerTargets& targets, std::int64_t classes, bool counts_components);

/// Errors: `ShapeError` unless a sample has one number in the target.
void require_one_id(std::int64_t columns, const std::string& target);

/// The class ids in a target of one column, [n, 1] to [n]. Errors: `DataError` for an id that is no whole number in [0,
/// classes); `ShapeError` for more columns.
torch::Tensor class_ids(const torch::Tensor& columns, std::int64_t classes, const std::string& target);

/// Errors: `ConfigError` for a target of whole numbers in a regression: a loss on its standardised values would teach a
/// classifier nonsense.
void require_no_class_ids(const Values& samples, const std::vector<std::string>& targets);

}  // namespace assay::detail
