// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/select/problem.hpp>

namespace assay {

/// k-means++ seeding: candidates drawn with probability proportional to the squared distance to the nearest center.
///
///     P(i) ∝ w_i min_c |x_i - c|²      drawn as  argmax_i  w_i min_c |x_i - c|² / E(seed, pick, id_i)
///
/// with E independent exponential variables from the counter-based stream of `RandomKey`: the same seed gives the same
/// picks under any order of rows, threads, device or execution. Without any center the first is drawn by w_i alone.
/// When all candidates that are left coincide with centers, they are drawn by w_i alone. Scores are the (weighted)
/// distances, not squared, at the time of choosing.
///
/// Cost: as `k_center`, and one random number a candidate and pick. Memory, errors: as `k_center`.
/// Source: Arthur and Vassilvitskii 2007, "k-means++: the advantages of careful seeding"; exponential races as in
/// Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir".
SelectedBatch kmeans_pp(const SelectionProblem& problem);

}  // namespace assay
