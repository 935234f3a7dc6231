// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_learner.hpp>

#include <cstdint>
#include <vector>

namespace assay::detail {

/// The rows of packed samples that at least one member of an ensemble never learns from: those that early stopping can
/// judge it on without holding any out.
/// Errors: `ConfigError` `assay.training.out_of_bag` for a learner whose members leave no samples out.
std::vector<std::int64_t> out_of_bag_rows(const LearnerRef& learner, const Batch& packed);

}  // namespace assay::detail
