// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/select/problem.hpp>

#include <array>

namespace assay {

struct ProbCoverOptions {
  double radius = 1;

  static constexpr std::array describe{
      OptionInfo{.name = "radius", .help = "a row covers those at most this far away", .min = 0, .required = true}};
};

/// ProbCover: again and again the candidate whose ball holds most candidates that no ball holds yet.
///
///     argmax_i  w_i #{ j not covered : |x_i - x_j| <= radius }
///
/// Balls of training and pending rows cover first. Scores are those (weighted) counts; equal ones go to the lowest id;
/// when all is covered the lowest ids follow, with score 0. Exact like `k_center`: j is in the ball of i if and only if
/// the float64 squared distance is at most the float64 square of the radius.
///
/// Cost: at most two products n × n × d in all. Memory: 14 bytes a candidate; no graph is stored.
/// Errors: as `k_center`.
/// Source: Yehuda, Dekel, Hacohen and Weinshall 2022, "Active learning through a covering lens", algorithm 1.
SelectedBatch prob_cover(const SelectionProblem& problem, const ProbCoverOptions& options);

}  // namespace assay
