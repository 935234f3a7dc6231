// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/query/selection.hpp>
#include <assay/select/problem.hpp>

#include <torch/types.h>

#include <span>

namespace assay {

/// Greedy k-center: again and again the candidate that is farthest from all centers, which then becomes one.
///
///     argmax_i  w_i min_c |x_i - c|²      over the candidates not chosen, c over training, pending and chosen rows
///
/// Without any center the first is the candidate of largest w_i |x_i|². Scores are the (weighted) distances, not
/// squared, at the time of choosing. Equal scores go to the lowest id. Exact: squared distances are those of a float64
/// sum in a fixed order, whatever the threads, the device and the execution.
///
/// Shapes: pool [n, d], train [m, d].
/// Cost: one blocked product n × m × d; then distances only to rows whose last known distance would still win.
/// Memory: 12 bytes a candidate, and work areas of about 5 MB a thread.
/// Errors: `DataError` `assay.select.finite`, `assay.select.pool`; `ShapeError`; `ConfigError` `assay.select.memory`.
/// Source: Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"; as MaxDist in Holzmüller et al.
/// 2023, "A framework and benchmark for deep batch active learning for regression".
SelectedBatch k_center(const SelectionProblem& problem);

/// The same on tensors: `candidates` [n, d], `centers` [m, d], m may be 0.
Selection k_center(const torch::Tensor& candidates, const torch::Tensor& centers, std::int64_t max_samples,
                   std::span<const SampleId> ids);

}  // namespace assay
