// SPDX-License-Identifier: Apache-2.0
#include "kmeans.hpp"

#include <assay/select/prob_cover.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay {

namespace {

using namespace detail;

/// k-means rounds, and the balls that stand for all: their share is known to half a percent.
constexpr std::int64_t iterations = 20, most_balls = 2000;

/// Candidates in the order of their ids, then training and pending rows: the radius does not depend on the pool's
/// order.
template <class T>
torch::Tensor rows_of(const SelectionProblem& problem) {
  const Run<T> run(problem, "typiclust");
  std::vector<FeatureMatrix> matrices{run.pool};
  matrices.insert(matrices.end(), run.known.begin(), run.known.end());
  std::vector<torch::Tensor> parts;
  for (const FeatureMatrix& matrix : matrices) {
    torch::Tensor rows = at::empty({matrix.rows(), matrix.dims()}, matrix.dtype());
    T* const first = rows.mutable_data_ptr<T>();
    matrix.read(0, matrix.rows(), first);
    for (std::int64_t i = 0; i < matrix.rows(); ++i) run.require_finite(matrix, first + i * matrix.dims(), i);
    parts.push_back(rows);
  }
  if (!problem.ids.empty()) {
    std::vector<std::int64_t> order(problem.ids.size());
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return problem.ids[static_cast<std::size_t>(a)] < problem.ids[static_cast<std::size_t>(b)];
    });
    parts.front() = parts.front().index_select(0, at::tensor(order, torch::kInt64));
  }
  return at::cat(parts);
}

template <class T>
double largest_pure_radius(const SelectionProblem& problem, const PureRadiusOptions& options) {
  const torch::Tensor rows = rows_of<T>(problem);
  const std::int64_t n = rows.size(0);
  const SelectionProblem all{.pool = FeatureMatrix(rows), .seed = problem.seed, .threads = problem.threads};
  std::vector<std::vector<std::int64_t>> clusters(static_cast<std::size_t>(std::min(options.clusters, n)));
  std::vector<std::vector<std::int64_t>> balls(clusters.size());
  {
    Run<T> run(all, "typiclust");
    KMeans<T> means(run);
    means.cluster(static_cast<std::int64_t>(clusters.size()), iterations);
    std::vector<std::int64_t> sample(static_cast<std::size_t>(n));
    std::iota(sample.begin(), sample.end(), std::int64_t{0});
    for (const std::int64_t i : sample) clusters[static_cast<std::size_t>(means.cluster_of(i))].push_back(i);
    if (n > most_balls) {
      sample = random_order(RandomKey(problem.seed).with("balls"), sample);
      sample.resize(static_cast<std::size_t>(most_balls));
    }
    for (const std::int64_t i : sample) balls[static_cast<std::size_t>(means.cluster_of(i))].push_back(i);
  }
  const auto matrix = [&](const std::vector<std::int64_t>& some) {
    return FeatureMatrix(rows.index_select(0, at::tensor(some, torch::kInt64)));
  };
  // A ball is pure until it reaches the nearest row of another cluster.
  std::vector<double> reach;
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    if (balls[c].empty()) continue;
    const SelectionProblem centers{.pool = matrix(balls[c]), .threads = problem.threads};
    Run<T> run(centers, "typiclust");
    Nearest<T> nearest(run, false);
    for (std::size_t other = 0; other < clusters.size(); ++other) {
      if (other != c && !clusters[other].empty()) nearest.add(matrix(clusters[other]));
    }
    reach.insert(reach.end(), nearest.best.data(), nearest.best.data() + run.n());
  }
  const auto count = static_cast<double>(reach.size());
  const std::size_t impure = std::min(reach.size() - 1,
                                      static_cast<std::size_t>(count - std::ceil(options.purity * count - 1e-9)));
  std::nth_element(reach.begin(), reach.begin() + static_cast<std::ptrdiff_t>(impure), reach.end());
  const double square = reach[impure];
  if (!std::isfinite(square)) return 0;  // one cluster: no ball says anything
  double radius = std::sqrt(square);
  while (radius > 0 && radius * radius >= square) radius = std::nextafter(radius, 0.0);
  return radius;
}

}  // namespace

double pure_radius(const SelectionProblem& problem, const PureRadiusOptions& options) {
  require_valid(options, "pure_radius");
  return problem.pool.dtype() == torch::kFloat64 ? largest_pure_radius<double>(problem, options)
                                                 : largest_pure_radius<float>(problem, options);
}

}  // namespace assay
