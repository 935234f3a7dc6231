// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/select/problem.hpp>

#include <array>

namespace assay {

struct TypiclustOptions {
  std::int64_t max_clusters = 500;
  std::int64_t neighbors = 20;
  std::int64_t min_cluster = 5;
  std::int64_t iterations = 20;

  static constexpr std::array describe{
      OptionInfo{.name = "max_clusters", .help = "at most so many clusters", .min = 1},
      OptionInfo{.name = "neighbors", .help = "nearest rows that typicality looks at", .min = 1},
      OptionInfo{.name = "min_cluster", .help = "clusters smaller than this come last", .min = 1},
      OptionInfo{.name = "iterations", .help = "most rounds of k-means", .min = 0}};
};

/// TypiClust: the most typical candidate of each of the largest clusters that hold no known row.
///
///     typicality(x) = 1 / (mean distance to the K nearest rows of its cluster + 1e-5),  K = min(neighbors, half of
///     them)
///
/// The pool is clustered by k-means (k-means++ start from `seed`, at most `iterations` rounds, centers rounded to the
/// pool's type) into min(known rows + count, max_clusters, n) clusters. Clusters come in order of known rows in them,
/// then size, those below `min_cluster` rows last, round and round; each gives its most typical row not yet chosen
/// (weighted). Scores are typicalities; equal ones go to the lowest id. The same for all threads and executions.
///
/// Cost: iterations × n × clusters × d, and the square of each cluster used. Memory: 36 bytes a candidate, and the rows
/// of one cluster, which `memory` does not bound. Errors: as `k_center`. Source: Hacohen, Dekel and Weinshall 2022,
/// "Active learning on a budget: opposite strategies suit high and low budgets", algorithm 1, and its published code
/// for K and the small clusters.
SelectedBatch typiclust(const SelectionProblem& problem, const TypiclustOptions& options = {});

}  // namespace assay
