// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/select/problem.hpp>

#include <array>

namespace assay {

struct MaxDetOptions {
  double sigma = 1e-3;

  static constexpr std::array describe{
      OptionInfo{.name = "sigma", .help = "noise: its square is added to the kernel's diagonal", .min = 0}};
};

/// Greedy log-determinant: again and again the candidate of largest variance given all before, for k(x, y) = x·y.
///
///     argmax_i  w_i (k(x_i, x_i | known and chosen) + sigma²)
///
/// Scores are those (weighted) variances at the time of choosing; equal ones go to the lowest id. When the largest
/// variance is at most 1e-12 of the largest unconditioned one (without noise: the rank is exhausted), the remaining
/// picks are the lowest ids, with score 0. Variances are float64; candidates closer than about 1e-9 of each other may
/// change places between machines and executions.
///
/// Cost: a decomposition of the known rows (m d² + d³) and one product n × d × d if there are any; then d operations
/// for each row whose last known variance would still win. Memory: 13 bytes a candidate, six d × d matrices. Errors: as
/// `k_center`. Source: Holzmüller et al. 2023, JMLR 24(164), section 4.2 (MaxDet); Chen, Zhang and Zhou 2018, "Fast
/// greedy MAP inference for determinantal point process", for the update of variances.
SelectedBatch max_det(const SelectionProblem& problem, const MaxDetOptions& options = {});

}  // namespace assay
