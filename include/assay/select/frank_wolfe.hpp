// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/select/problem.hpp>

namespace assay {

/// ACS-FW: a sparse approximation of the sum of all features, built up by Frank-Wolfe steps.
///
///     argmax_i  w_i x_i·(s - e) / |x_i|,   s = Σ x,   e the approximation so far;   then e moves towards
///     r x_i / |x_i|, r = Σ |x|, by the step that lowers |s - e| most
///
/// Sums run over the pool, and over the known rows if there are any, whose steps are taken first, in their order. A row
/// is chosen once at most; rows of norm 0 score 0. Scores are those values at the time of choosing; equal ones go to
/// the lowest id. Float64; candidates closer than about 1e-9 of each other may change places between machines.
///
/// Cost: one pass over the pool, and one more a pick. Memory: 9 bytes a candidate. Errors: as `k_center`.
/// Source: Pinsler, Gordon, Nalisnick and Hernández-Lobato 2019, "Bayesian batch active learning as sparse subset
/// approximation", algorithm 1; feature-space form of Holzmüller et al. 2023, JMLR 24(164).
SelectedBatch frank_wolfe(const SelectionProblem& problem);

}  // namespace assay
