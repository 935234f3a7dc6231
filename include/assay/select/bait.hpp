// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/select/problem.hpp>

#include <array>

namespace assay {

struct BaitOptions {
  double sigma = 1e-3;

  static constexpr std::array describe{
      OptionInfo{.name = "sigma", .help = "noise of a label, in the units of the features' inner product", .min = 0}};
};

/// BAIT, forward: the candidate that lowers the summed variance over pool and known rows most.
///
///     argmax_i  w_i (x_iᵀ P F P x_i) / (x_iᵀ P x_i + sigma² + 1e-8),   F = Σ x xᵀ over pool, train and pending
///
/// with P the posterior covariance given the known and chosen rows (the 1e-8 is bmdal-reg's). Scores are those values
/// at the time of choosing; equal ones go to the lowest id. When no score is above 0 the remaining picks are the lowest
/// ids, with score 0. Float64; candidates closer than about 1e-9 of each other may change places between machines.
///
/// Cost: three products n × d × d, then two inner products a candidate and pick. Memory: 18 bytes a candidate, eight
/// d × d matrices. Errors: as `k_center`.
/// Source: Ash, Goel, Krishnamurthy and Kakade 2021, "Gone fishing: neural active learning with Fisher embeddings", in
/// the form of Holzmüller et al. 2023, JMLR 24(164), section 4.2.
SelectedBatch bait(const SelectionProblem& problem, const BaitOptions& options = {});

}  // namespace assay
