// SPDX-License-Identifier: Apache-2.0
#include "kmeans.hpp"

#include <assay/select/typiclust.hpp>

#include <cmath>

namespace assay {

namespace {

using namespace detail;

template <class T>
class Typiclust {
 public:
  Typiclust(Run<T>& run, const TypiclustOptions& options) : run_(run), options_(options), means_(run) {}

  SelectedBatch choose() {
    std::vector<std::int64_t> rows;
    std::vector<double> scores;
    if (run_.count == 0) return run_.finish(rows, scores);
    means_.cluster(std::min({run_.known_rows + run_.count, options_.max_clusters, run_.n()}), options_.iterations);
    struct Group {
      std::int64_t known = 0;
      std::vector<std::int64_t> rows;
    };
    std::vector<Group> groups(static_cast<std::size_t>(means_.size()));
    for (std::int64_t i = 0; i < run_.n(); ++i)
      groups[static_cast<std::size_t>(means_.cluster_of(i))].rows.push_back(i);
    for (const std::int32_t c : clusters_of_known()) ++groups[static_cast<std::size_t>(c)].known;
    std::vector<std::size_t> order;
    for (std::size_t c = 0; c < groups.size(); ++c) {
      if (!groups[c].rows.empty()) order.push_back(c);
    }
    const auto small = [&](std::size_t c) {
      return static_cast<std::int64_t>(groups[c].rows.size()) < options_.min_cluster;
    };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (small(a) != small(b)) return small(b);
      if (groups[a].known != groups[b].known) return groups[a].known < groups[b].known;
      return groups[a].rows.size() > groups[b].rows.size();
    });
    for (std::size_t turn = 0; static_cast<std::int64_t>(rows.size()) < run_.count; ++turn) {
      std::vector<std::int64_t>& members = groups[order[turn % order.size()]].rows;
      if (members.empty()) continue;
      const Winner winner = most_typical(members);
      rows.push_back(winner.row());
      scores.push_back(winner.score());
      members.erase(std::find(members.begin(), members.end(), winner.row()));
    }
    return run_.finish(std::move(rows), std::move(scores));
  }

 private:
  std::vector<std::int32_t> clusters_of_known() {
    std::vector<std::int32_t> nearest;
    for (const FeatureMatrix& matrix : run_.known) {
      RowReader<T> reader(run_.meter, matrix, 1);
      for (std::int64_t i = 0; i < matrix.rows(); ++i) {
        const T* row = reader.row(i);
        run_.require_finite(matrix, row, i);
        double least = std::numeric_limits<double>::infinity();
        std::int32_t at = 0;
        for (std::int64_t c = 0; c < means_.size(); ++c) {
          const double square = run_.kernel.square_distance(row, means_.center(c), run_.d());
          if (square < least) least = square, at = static_cast<std::int32_t>(c);
        }
        nearest.push_back(at);
      }
    }
    return nearest;
  }

  Winner most_typical(const std::vector<std::int64_t>& members) {
    const auto size = static_cast<std::int64_t>(members.size());
    const std::int64_t d = run_.d(), k = std::min(options_.neighbors, size / 2);
    Array<T> rows(run_.meter, size * d);
    for (std::int64_t i = 0; i < size; ++i) run_.copy_row(members[static_cast<std::size_t>(i)], rows.data() + i * d);
    run_.touch(size);
    Array<double> typicality(run_.meter, size);
    at::parallel_for(0, size, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> squares;
      for (std::int64_t i = begin; i < end; ++i) {
        squares.clear();
        for (std::int64_t j = 0; j < size; ++j) {
          if (j != i) squares.push_back(run_.kernel.square_distance(rows.data() + i * d, rows.data() + j * d, d));
        }
        std::partial_sort(squares.begin(), squares.begin() + k, squares.end());
        double sum = 0;
        for (std::int64_t j = 0; j < k; ++j) sum += std::sqrt(squares[static_cast<std::size_t>(j)]);
        typicality[i] = 1 / ((k > 0 ? sum / static_cast<double>(k) : 0) + 1e-5);
      }
    });
    Winner winner(run_);
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t row = members[static_cast<std::size_t>(i)];
      winner.offer(run_.weight(row) * typicality[i], row);
    }
    return winner;
  }

  Run<T>& run_;
  TypiclustOptions options_;
  KMeans<T> means_;
};

template <class T>
SelectedBatch typiclust_batch(const SelectionProblem& problem, const TypiclustOptions& options) {
  Run<T> run(problem, "typiclust");
  return Typiclust<T>(run, options).choose();
}

}  // namespace

SelectedBatch typiclust(const SelectionProblem& problem, const TypiclustOptions& options) {
  require_valid(options, "typiclust");
  return problem.pool.dtype() == torch::kFloat64 ? typiclust_batch<double>(problem, options)
                                                 : typiclust_batch<float>(problem, options);
}

}  // namespace assay
