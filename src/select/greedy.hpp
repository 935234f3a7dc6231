// SPDX-License-Identifier: Apache-2.0
// Lazy greedy choice: scores can only fall as centers are added, so a row is looked at again only when its last known
// score would still win.
#pragma once

#include "nearest.hpp"

#include <mutex>

namespace assay::detail {

/// The best row so far of a search by several threads: the highest score, then the lowest id.
class Winner {
 public:
  explicit Winner(const RunBase& run) : run_(&run) {}
  /// Whether a row of this score could still win.
  bool admits(double score, std::int64_t row) const {
    return score > score_ || (score == score_ && (row_ < 0 || run_->before(row, row_)));
  }
  void offer(double score, std::int64_t row) {
    if (row < 0 || !admits(score, row)) return;
    score_ = score;
    row_ = row;
  }
  void offer(const Winner& other) { offer(other.score_, other.row_); }
  double score() const { return score_; }
  std::int64_t row() const { return row_; }

 private:
  const RunBase* run_;
  double score_ = -1;
  std::int64_t row_ = -1;
};

/// The row of largest score(reader row, index) among all, in one pass.
template <class T, class Score>
Winner best_of_all(Run<T>& run, Score score) {
  Winner winner(run);
  std::mutex mutex;
  run.blocks([&] {
    return [&](RowReader<T>& reader, std::int64_t first, std::int64_t n) {
      Winner mine(run);
      const T* rows = reader.block(first, n);
      for (std::int64_t i = 0; i < n; ++i) mine.offer(score(rows + i * run.d(), first + i), first + i);
      const std::lock_guard lock(mutex);
      winner.offer(mine);
    };
  });
  run.touch(run.n());
  return winner;
}

/// The row of largest weighted norm: what the methods on distances begin with where there is no center.
template <class T>
Winner largest_norm(Run<T>& run) {
  const Array<T> origin(run.meter, run.d(), T(0));
  return best_of_all(run, [&](const T* row, std::int64_t i) {
    const double square = run.kernel.square_distance(row, origin.data(), run.d());
    if (!std::isfinite(square)) run.require_finite(run.pool, row, i);
    return run.weight(i) == 0 ? 0 : run.weight(i) * square;
  });
}

/// The rows chosen so far, as centers.
template <class T>
class Chosen {
 public:
  explicit Chosen(Run<T>& run, std::int64_t most) : run_(run), rows_(run.meter, most * run.d()) {}
  void take(std::int64_t row) { run_.copy_row(row, rows_.data() + run_.d() * taken_++); }
  const T* row(std::int64_t k) const { return rows_.data() + k * run_.d(); }
  /// min(square, |x - chosen k|²), exactly. \param i the row's number, for messages.
  double nearer(const T* x, std::int64_t i, std::int64_t k, double square) const {
    const double now = run_.kernel.square_distance(x, row(k), run_.d());
    if (!std::isfinite(now)) run_.require_finite(run_.pool, x, i);
    return std::min(square, now);
  }

 private:
  Run<T>& run_;
  Array<T> rows_;
  std::int64_t taken_ = 0;
};

/// Greedy choice by a value of each row that can only fall as rows are chosen.
///
/// `Rule::update(x, i, k, value)`: the value of row i once the k-th chosen row counts, from the one before.
/// `Rule::score(i, value, least)`: its score, growing with the value; anything below `least` if it is below.
/// `Rule::take(i)`: row i is chosen. `Rule::steady`: scores do not change from pick to pick but by the values.
template <class T, class Rule>
class LazyGreedy {
 public:
  /// \param values >= 0, kept up to date for rows that could win; -1 marks a row that is taken.
  LazyGreedy(Run<T>& run, Array<double>& values, Rule& rule)
      : run_(run),
        values_(values),
        rule_(rule),
        seen_(run.meter, run.n(), 0),
        block_rows_(std::min<std::int64_t>(run.plan.block_rows, 1024)),
        tops_(run.meter, Rule::steady ? (run.n() + block_rows_ - 1) / block_rows_ : 0,
              std::numeric_limits<double>::infinity()) {}

  void take(std::int64_t row) {
    rule_.take(row);
    values_[row] = -1;
    ++taken_;
  }
  bool taken(std::int64_t row) const { return values_[row] < 0; }

  Winner next() {
    Winner winner(run_);
    std::int64_t seed = -1;
    if (Rule::steady) {  // the block that promises most first: its best row rules most others out
      seed = std::max_element(tops_.data(), tops_.data() + tops_.size()) - tops_.data();
      RowReader<T> reader(run_.meter, run_.pool, block_rows_);
      const std::int64_t first = seed * block_rows_;
      search(reader, first, std::min(block_rows_, run_.n() - first), winner);
    }
    std::mutex mutex;
    run_.blocks(
        [&] {
          return [&, mine = winner](RowReader<T>& reader, std::int64_t first, std::int64_t n) mutable {
            if (Rule::steady) {
              const std::int64_t block = first / block_rows_;
              if (block == seed || tops_[block] < mine.score()) return;
            }
            search(reader, first, n, mine);
            const std::lock_guard lock(mutex);
            winner.offer(mine);
            mine.offer(winner);
          };
        },
        block_rows_);
    return winner;
  }

 private:
  /// Offers the rows of one block, bringing up to date those that could win.
  void search(RowReader<T>& reader, std::int64_t first, std::int64_t n, Winner& winner) {
    std::int64_t looked_at = 0;
    bool ask_for_block = reader.on_disk();
    double top = -1;
    for (std::int64_t i = first; i < first + n; ++i) {
      double value = values_[i];
      if (value < 0) continue;
      double score = rule_.score(i, value, winner.score());
      if (winner.admits(score, i)) {
        if (seen_[i] < taken_) {
          if (ask_for_block) {
            ask_for_block = false;
            if (many(first, n, winner)) reader.block(first, n);
          }
          const T* row = reader.row(i);
          ++looked_at;
          std::int32_t seen = seen_[i];
          while (seen < taken_ && winner.admits(score, i)) {
            value = rule_.update(row, i, seen++, value);
            score = rule_.score(i, value, winner.score());
          }
          seen_[i] = seen;
          values_[i] = value;
        }
        if (seen_[i] == taken_) winner.offer(score, i);
      }
      if (Rule::steady) top = std::max(top, score);
    }
    if (Rule::steady) tops_[first / block_rows_] = top;
    run_.touch(looked_at);
  }
  /// Whether so many rows of a block on disk must be looked at that it is read as a whole.
  bool many(std::int64_t first, std::int64_t n, const Winner& winner) const {
    std::int64_t rows = 0;
    for (std::int64_t i = first; i < first + n; ++i) {
      const double value = values_[i];
      rows += value >= 0 && seen_[i] < taken_ && winner.admits(rule_.score(i, value, winner.score()), i);
    }
    return rows * 8 > n;
  }

  Run<T>& run_;
  Array<double>& values_;
  Rule& rule_;
  Array<std::int32_t> seen_;  ///< how many of the chosen rows are accounted for
  std::int64_t block_rows_;
  Array<double> tops_;  ///< no row of the block scores higher
  std::int32_t taken_ = 0;
};

}  // namespace assay::detail
