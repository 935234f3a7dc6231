// SPDX-License-Identifier: Apache-2.0
// Batch selection as plainly as it can be written: every distance to every center, in loops.
#pragma once

#include <assay/data/random.hpp>
#include <assay/select/problem.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace plain {

using Rows = std::vector<std::vector<double>>;

inline Rows rows_of(const torch::Tensor& matrix) {
  Rows rows;
  if (!matrix.defined()) return rows;
  const torch::Tensor values = matrix.to(torch::kFloat64).contiguous();
  for (std::int64_t i = 0; i < values.size(0); ++i) {
    const double* row = values.const_data_ptr<double>() + i * values.size(1);
    rows.emplace_back(row, row + values.size(1));
  }
  return rows;
}

/// The squared distance that "exact" means: entry j goes to partial sum j mod 16; the sums are added as a binary tree.
inline double square_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sums[16] = {};
  for (std::size_t j = 0; j < a.size(); ++j) sums[j % 16] += (a[j] - b[j]) * (a[j] - b[j]);
  for (std::size_t step = 8; step > 0; step /= 2) {
    for (std::size_t i = 0; i < step; ++i) sums[i] += sums[i + step];
  }
  return sums[0];
}

/// One choice by the plain rule: its row and score, and how much better it was than the next best.
struct Pick {
  std::int64_t row = -1;
  double score = -1, runner_up = -1;
};

/// A problem, with centers as they come.
struct Case {
  Rows pool, centers;
  std::vector<double> weight;
  std::vector<std::int64_t> ids;
  std::vector<bool> taken;
  mutable std::vector<std::vector<double>> squares{};  // of each row to the centers, as far as they were asked for

  std::int64_t n() const { return static_cast<std::int64_t>(pool.size()); }
  double nearest(std::size_t i, std::int64_t* which = nullptr) const {
    double least = std::numeric_limits<double>::infinity();
    squares.resize(pool.size());
    for (std::size_t c = 0; c < centers.size(); ++c) {
      if (c == squares[i].size()) squares[i].push_back(square_distance(pool[i], centers[c]));
      const double square = squares[i][c];
      if (square >= least) continue;
      least = square;
      if (which != nullptr) *which = static_cast<std::int64_t>(c);
    }
    return least;
  }
  /// The largest score(i) among rows not taken, lowest id first.
  template <class Score>
  Pick best(Score score) const {
    Pick pick;
    for (std::int64_t i = 0; i < n(); ++i) {
      if (taken[static_cast<std::size_t>(i)]) continue;
      const double s = score(static_cast<std::size_t>(i));
      const bool better = pick.row < 0 || s > pick.score ||
                          (s == pick.score &&
                           ids[static_cast<std::size_t>(i)] < ids[static_cast<std::size_t>(pick.row)]);
      pick.runner_up = std::max(pick.runner_up, better ? pick.score : s);
      if (better) pick.row = i, pick.score = s;
    }
    return pick;
  }
  Pick largest_norm() const {
    const std::vector<double> origin(pool.front().size(), 0.0);
    return best([&](std::size_t i) { return weight[i] * square_distance(pool[i], origin); });
  }
  void take(std::int64_t row) {
    taken[static_cast<std::size_t>(row)] = true;
    centers.push_back(pool[static_cast<std::size_t>(row)]);
  }
};

inline std::vector<Pick> k_center(Case c, std::int64_t count) {
  std::vector<Pick> picks;
  while (static_cast<std::int64_t>(picks.size()) < count) {
    picks.push_back(c.centers.empty() ? c.largest_norm()
                                      : c.best([&](std::size_t i) { return c.weight[i] * c.nearest(i); }));
    c.take(picks.back().row);
  }
  return picks;
}

inline std::vector<Pick> lcmd(Case c, std::int64_t count) {
  std::vector<Pick> picks;
  while (static_cast<std::int64_t>(picks.size()) < count) {
    if (c.centers.empty()) {
      picks.push_back(c.largest_norm());
    } else {
      std::vector<double> sizes(c.centers.size(), 0.0), value;
      std::vector<std::int64_t> nearest(c.pool.size(), 0);
      for (std::size_t i = 0; i < c.pool.size(); ++i) {
        value.push_back(c.weight[i] * c.nearest(i, &nearest[i]));
        sizes[static_cast<std::size_t>(nearest[i])] += value[i];
      }
      const double largest = *std::max_element(sizes.begin(), sizes.end());
      Pick pick = c.best(
          [&](std::size_t i) { return sizes[static_cast<std::size_t>(nearest[i])] == largest ? value[i] : -1; });
      // A near tie of clusters is a near tie of the choice.
      for (const double size : sizes) {
        if (size != largest && size > largest * (1 - 1e-9)) pick.runner_up = pick.score;
      }
      picks.push_back(pick);
    }
    c.take(picks.back().row);
  }
  return picks;
}

inline std::vector<Pick> kmeans_pp(Case c, std::int64_t count, std::uint64_t seed) {
  std::vector<Pick> picks;
  while (static_cast<std::int64_t>(picks.size()) < count) {
    const assay::RandomKey key = assay::RandomKey(seed).with("kmeans_pp").with(static_cast<std::int64_t>(picks.size()));
    const auto race = [&](std::size_t i, double weight) {
      return weight / -std::log(key.with(c.ids[i]).uniform_open());
    };
    Pick pick;
    if (!c.centers.empty()) pick = c.best([&](std::size_t i) { return race(i, c.weight[i] * c.nearest(i)); });
    if (pick.score <= 0) pick = c.best([&](std::size_t i) { return race(i, c.weight[i]); });
    picks.push_back(pick);
    c.take(pick.row);
  }
  return picks;
}

inline std::vector<Pick> prob_cover(Case c, std::int64_t count, double radius) {
  std::vector<Pick> picks;
  std::vector<bool> covered(c.pool.size());
  for (std::size_t i = 0; i < c.pool.size(); ++i) covered[i] = c.nearest(i) <= radius * radius;
  std::vector<std::vector<bool>> near(c.pool.size());
  for (std::size_t i = 0; i < c.pool.size(); ++i) {
    for (const std::vector<double>& other : c.pool) {
      near[i].push_back(square_distance(c.pool[i], other) <= radius * radius);
    }
  }
  const auto within = [&](std::size_t i, std::size_t j) { return near[i][j]; };
  while (static_cast<std::int64_t>(picks.size()) < count) {
    picks.push_back(c.best([&](std::size_t i) {
      double degree = 0;
      for (std::size_t j = 0; j < c.pool.size(); ++j) degree += !covered[j] && within(i, j);
      return c.weight[i] * degree;
    }));
    const auto row = static_cast<std::size_t>(picks.back().row);
    for (std::size_t j = 0; j < c.pool.size(); ++j) covered[j] = covered[j] || within(row, j);
    c.take(picks.back().row);
  }
  return picks;
}

}  // namespace plain
