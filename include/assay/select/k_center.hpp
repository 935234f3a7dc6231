// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/query/selection.hpp>

#include <torch/types.h>

#include <span>

namespace assay {

/// Greedy k-center: again and again the candidate that is farthest from all centers, which then becomes one.
///
/// Shapes: `candidates` [n, d], `centers` [m, d] (m may be 0: the lowest id is then taken first). Scores are the
/// distances at the time of choosing. Equal distances go to the lowest id.
/// Cost: O((m + max_samples) n d); memory O(n) and a block of 256 centers.
/// Source: Gonzalez 1985, "Clustering to minimize the maximum intercluster distance".
Selection k_center(const torch::Tensor& candidates, const torch::Tensor& centers, std::int64_t max_samples,
                   std::span<const SampleId> ids);

}  // namespace assay
