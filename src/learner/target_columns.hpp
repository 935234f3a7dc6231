// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/fields.hpp>
#include <assay/learner/scaler.hpp>
#include <assay/learner/target_rule.hpp>

namespace assay::detail {

/// Columns of each field.
std::vector<std::int64_t> columns_of_each(const Fields& fields);

/// Standardises a regression's targets: see `Standardizer::fit_targets`.
Standardizer fit_targets(const Fields& targets, const Values& samples);

/// What the columns count in a loss, [k] float64 with mean one: a field's weight in equal parts for its columns that
/// vary, nothing for those that are constant so far. Undefined where all count the same, or none varies.
torch::Tensor column_weights(const std::vector<TargetRule>& rules, const Fields& targets, const Standardizer& y);

/// Positions of the components that are constant in all labels so far, by field: `{"u": [0, 1]}`. So many equal labels
/// do not prove that the next is equal too: what a learner says of these is no more than that.
Json constant_so_far(const Fields& targets, const Standardizer& y);

}  // namespace assay::detail
