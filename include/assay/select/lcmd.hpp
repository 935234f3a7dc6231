// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/select/problem.hpp>

namespace assay {

/// Largest cluster, maximum distance: the candidate farthest from its center in the cluster that matters most.
///
///     size(c) = Σ_{i nearest to c} w_i |x_i - c|²,   then   argmax_{i nearest to argmax_c size(c)}  w_i |x_i - c|²
///
/// A candidate belongs to the first added of equally near centers; training rows come first, then pending ones, then
/// those chosen. Sizes are summed in float64 in the order of rows; clusters of equal size count as one. Without any
/// center the first is the candidate of largest w_i |x_i|². Scores are the (weighted) distances, not squared, at the
/// time of choosing. Equal scores go to the lowest id. Exact like `k_center`.
///
/// Cost: one blocked product n × m × d, then passes over the pool that look at up to 32 likely picks at once.
/// Memory: 18 bytes a candidate, and work areas of about 5 MB a thread. Errors: as `k_center`.
/// Source: Holzmüller, Zaverkin, Kästner and Steinwart 2023, "A framework and benchmark for deep batch active learning
/// for regression", JMLR 24(164), section 4.2.
SelectedBatch lcmd(const SelectionProblem& problem);

}  // namespace assay
