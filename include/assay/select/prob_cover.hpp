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

struct PureRadiusOptions {
  std::int64_t clusters = 10;
  double purity = 0.95;

  static constexpr std::array describe{
      OptionInfo{.name = "clusters", .help = "pseudo-classes: as many as there are classes", .min = 1},
      OptionInfo{.name = "purity", .help = "share of balls that hold one pseudo-class", .min = 0, .max = 1}};
};

/// The radius that ProbCover is published with: the largest at which a share `purity` of the balls around candidates,
/// training and pending rows is pure.
///
///     max { r : share of x whose ball { y : |x - y| <= r } lies in one cluster >= purity }
///
/// Clusters are those of k-means (k-means++ start from `problem.seed`, at most 20 rounds) of all these rows. A ball is
/// pure for radii below the distance to the nearest row of another cluster: the maximum is the largest number below a
/// quantile of those, and needs no search. 0 if all rows fall into one cluster. Weights and costs do not count.
///
/// Cost: 20 × n × clusters × d, and balls × n × d; of more than 2,000 rows 2,000 drawn ones are the balls' centers.
/// Memory: all rows twice. Errors: as `k_center`.
/// Source: Yehuda, Dekel, Hacohen and Weinshall 2022, "Active learning through a covering lens", section 3.3.
double pure_radius(const SelectionProblem& problem, const PureRadiusOptions& options = {});

}  // namespace assay
