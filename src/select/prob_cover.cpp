// SPDX-License-Identifier: Apache-2.0
#include "greedy.hpp"

#include <assay/select/prob_cover.hpp>

#include <cmath>

namespace assay {

namespace {

using namespace detail;

template <class T>
class Cover {
 public:
  Cover(Run<T>& run, double radius)
      : run_(run),
        square_(radius * radius),
        shift_(run.meter, run.d(), T(0)),
        covered_(run.meter, run.n(), false),
        degrees_(run.meter, run.n(), 0) {}

  SelectedBatch choose() {
    std::vector<std::int64_t> rows;
    std::vector<double> scores;
    if (run_.count == 0) return run_.finish(rows, scores);
    for (const FeatureMatrix& matrix : run_.known) {
      const std::int64_t piece = std::min(run_.plan.center_rows, matrix.rows());
      RowReader<T> reader(run_.meter, matrix, piece);
      for (std::int64_t first = 0; first < matrix.rows(); first += piece) {
        const std::int64_t count = std::min(piece, matrix.rows() - first);
        const T* centers = reader.block(first, count);
        for (std::int64_t j = 0; j < count; ++j) run_.require_finite(matrix, centers + j * run_.d(), first + j);
        count_within(centers, count, [&](std::int64_t i, std::int64_t) { covered_[i] = true; });
      }
    }
    std::vector<std::int64_t> open;
    for (std::int64_t i = 0; i < run_.n(); ++i) {
      if (!covered_[i]) open.push_back(i);
    }
    add_degrees(open, 1);
    std::vector<bool> taken(static_cast<std::size_t>(run_.n()));
    Array<T> copy(run_.meter, run_.d());
    while (static_cast<std::int64_t>(rows.size()) < run_.count) {
      Winner winner(run_);
      for (std::int64_t i = 0; i < run_.n(); ++i) {
        if (!taken[static_cast<std::size_t>(i)]) winner.offer(run_.weight(i) * static_cast<double>(degrees_[i]), i);
      }
      const std::int64_t row = winner.row();
      rows.push_back(row);
      scores.push_back(winner.score());
      taken[static_cast<std::size_t>(row)] = true;
      if (degrees_[row] == 0 || static_cast<std::int64_t>(rows.size()) == run_.count) continue;
      run_.copy_row(row, copy.data());
      std::vector<std::int64_t> fresh;
      std::mutex mutex;
      count_within(copy.data(), 1, [&](std::int64_t i, std::int64_t) {
        if (covered_[i]) return;
        covered_[i] = true;
        const std::lock_guard lock(mutex);
        fresh.push_back(i);
      });
      std::sort(fresh.begin(), fresh.end());
      add_degrees(fresh, -1);
    }
    return run_.finish(std::move(rows), std::move(scores));
  }

 private:
  /// Adds `sign` to the degree of every candidate for each of `rows` in its ball.
  void add_degrees(const std::vector<std::int64_t>& rows, std::int32_t sign) {
    const auto total = static_cast<std::int64_t>(rows.size());
    const std::int64_t piece = std::min(std::max<std::int64_t>(1, run_.plan.center_rows), total);
    if (total == 0) return;
    Array<T> centers(run_.meter, piece * run_.d());
    for (std::int64_t first = 0; first < total; first += piece) {
      const std::int64_t count = std::min(piece, total - first);
      for (std::int64_t j = 0; j < count; ++j) {
        run_.copy_row(rows[static_cast<std::size_t>(first + j)], centers.data() + j * run_.d());
      }
      count_within(centers.data(), count,
                   [&](std::int64_t i, std::int64_t found) { degrees_[i] += sign * static_cast<std::int32_t>(found); });
    }
  }

  /// Calls hit(i, number of centers in the ball of row i) for every row that has some; each row in one thread.
  template <class Hit>
  void count_within(const T* rows, std::int64_t count, Hit hit) {
    const Centers<T> centers(run_, rows, count, shift_.data());
    run_.blocks([&] {
      return [&, block = Block<T>(run_, shift_.data(), count)](RowReader<T>& reader, std::int64_t first,
                                                               std::int64_t n) mutable {
        block.take(run_.pool, reader.block(first, n), first, n);
        std::vector<std::int64_t> within(static_cast<std::size_t>(n), 0);
        for (std::int64_t tile = 0; tile < count; tile += tile_centers) {
          block.multiply(centers, tile, std::min(tile_centers, count - tile));
          for (std::int64_t i = 0; i < n; ++i) {
            for (const std::int32_t j : block.within(i, square_, false)) {
              within[static_cast<std::size_t>(i)] += block.surely_within(i, j, square_) ||
                                                     run_.kernel.square_distance(block.row(i), centers.row(tile + j),
                                                                                 run_.d()) <= square_;
            }
          }
        }
        for (std::int64_t i = 0; i < n; ++i) {
          if (within[static_cast<std::size_t>(i)] > 0) hit(first + i, within[static_cast<std::size_t>(i)]);
        }
      };
    });
    run_.touch(run_.n());
  }

  Run<T>& run_;
  double square_;
  Array<T> shift_;
  Array<bool> covered_;
  Array<std::int32_t> degrees_;
};

template <class T>
SelectedBatch prob_cover_batch(const SelectionProblem& problem, const ProbCoverOptions& options) {
  Run<T> run(problem, "prob_cover");
  return Cover<T>(run, options.radius).choose();
}

}  // namespace

SelectedBatch prob_cover(const SelectionProblem& problem, const ProbCoverOptions& options) {
  require_valid(options, "prob_cover");
  return problem.pool.dtype() == torch::kFloat64 ? prob_cover_batch<double>(problem, options)
                                                 : prob_cover_batch<float>(problem, options);
}

}  // namespace assay
