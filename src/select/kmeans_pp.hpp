// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "greedy.hpp"

#include <assay/data/random.hpp>

#include <cmath>

namespace assay::detail {

/// A race: the row whose exponential variable, divided by its weight, is smallest wins, with chance as its weight.
template <class T>
struct Race : Chosen<T> {
  static constexpr bool steady = false;
  Race(Run<T>& run_, std::int64_t count) : Chosen<T>(run_, count), run(run_) {}

  double update(const T* x, std::int64_t i, std::int64_t k, double square) const {
    return this->nearer(x, i, k, square);
  }
  void start(std::int64_t pick) { now = key.with(pick); }
  double score(std::int64_t i, double square, double least) const {
    const double weight = run.weight(i) == 0 ? 0 : run.weight(i) * square;
    const double uniform = now.with(run.id(i)).uniform_open();
    if (weight < least * (1 - uniform)) return -1;  // -log(u) >= 1 - u: it cannot win, and needs no logarithm
    return weight / -std::log(uniform);
  }
  const RunBase& run;
  RandomKey key = RandomKey(run.problem.seed).with("kmeans_pp"), now = key;
};

/// `count` rows by k-means++ from the centers that `state` knows; `scores` gets the distances.
template <class T>
std::vector<std::int64_t> draw_kmeans_pp(Run<T>& run, Nearest<T>& state, std::int64_t count,
                                         std::vector<double>& scores) {
  Race<T> rule(run, count);
  LazyGreedy<T, Race<T>> greedy(run, state.best, rule);
  std::vector<std::int64_t> rows;
  // Where there is no distance to go by, the weights alone decide.
  const auto by_weight = [&] {
    Winner winner(run);
    for (std::int64_t i = 0; i < run.n(); ++i) {
      if (!greedy.taken(i)) winner.offer(rule.score(i, 1, winner.score()), i);
    }
    return winner;
  };
  while (static_cast<std::int64_t>(rows.size()) < count) {
    rule.start(static_cast<std::int64_t>(rows.size()));
    Winner winner = rows.empty() && state.centers == 0 ? by_weight() : greedy.next();
    const bool first = rows.empty() && state.centers == 0;
    if (winner.score() <= 0) winner = by_weight();
    const double square = first ? 0 : state.best[winner.row()];
    rows.push_back(winner.row());
    scores.push_back(run.weight(winner.row()) == 0 ? 0 : std::sqrt(run.weight(winner.row()) * square));
    greedy.take(winner.row());
  }
  return rows;
}

}  // namespace assay::detail
