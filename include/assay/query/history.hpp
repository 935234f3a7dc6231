// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace assay {

/// What the simulations of the earlier rounds came to, one row each, in the order they were chosen: those that gave
/// labels, failed, or found their design infeasible. Samples of the test pool are not among them.
struct SimulationHistory {
  std::vector<SampleId> ids;
  Values inputs;            ///< the learner's, [n, shape...]
  torch::Tensor succeeded;  ///< [n] bool: it gave labels
  torch::Tensor seconds;    ///< [n] float64: of all its attempts; NaN for labels that came from elsewhere

  std::int64_t size() const noexcept { return static_cast<std::int64_t>(ids.size()); }
};

}  // namespace assay
