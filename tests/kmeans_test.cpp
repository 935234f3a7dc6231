// SPDX-License-Identifier: Apache-2.0
// Lloyd's rounds: how many there are, and where they end.
#include "../src/select/kmeans.hpp"

#include "support/catch.hpp"
#include "support/plain_select.hpp"

#include <assay/select/max_det.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>

#include <set>

using namespace assay;

namespace {

/// Three groups on a plane, some far and some near.
torch::Tensor groups() {
  torch::Tensor rows = at::empty({120, 2}, torch::kFloat64).normal_(0, 1, at::detail::createCPUGenerator(7));
  rows.narrow(0, 40, 40).add_(3);
  rows.narrow(0, 80, 40).add_(20);
  return rows;
}

struct Clustered {
  plain::Rows centers;
  std::vector<std::int32_t> cluster;
};

Clustered cluster(const torch::Tensor& rows, std::int64_t count, std::int64_t iterations, std::uint64_t seed) {
  const SelectionProblem problem{.pool = FeatureMatrix(rows), .seed = seed, .threads = 1};
  assay::detail::Run<double> run(problem, "typiclust");
  assay::detail::KMeans<double> means(run);
  means.cluster(count, iterations);
  Clustered found;
  for (std::int64_t c = 0; c < means.size(); ++c) {
    found.centers.emplace_back(means.center(c), means.center(c) + rows.size(1));
  }
  for (std::int64_t i = 0; i < rows.size(0); ++i) found.cluster.push_back(means.cluster_of(i));
  return found;
}

/// The mean of the rows of each cluster.
plain::Rows cluster_means(const Clustered& clustered, const plain::Rows& rows) {
  plain::Rows sums(clustered.centers.size(), std::vector<double>(rows.front().size()));
  std::vector<double> sizes(clustered.centers.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto c = static_cast<std::size_t>(clustered.cluster[i]);
    sizes[c] += 1;
    for (std::size_t j = 0; j < rows[i].size(); ++j) sums[c][j] += rows[i][j];
  }
  for (std::size_t c = 0; c < sums.size(); ++c) {
    for (double& sum : sums[c]) sum /= sizes[c];
  }
  return sums;
}

void check_nearest(const Clustered& clustered, const plain::Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double own = plain::square_distance(rows[i],
                                              clustered.centers[static_cast<std::size_t>(clustered.cluster[i])]);
    for (const std::vector<double>& center : clustered.centers) {
      CHECK(own <= plain::square_distance(rows[i], center));
    }
  }
}

double farthest(const plain::Rows& a, const plain::Rows& b) {
  double farthest = 0;
  for (std::size_t c = 0; c < a.size(); ++c) farthest = std::max(farthest, plain::square_distance(a[c], b[c]));
  return std::sqrt(farthest);
}

}  // namespace

TEST_CASE("without a round the centers of k-means are rows, with one they are the means of the rows next to these",
          "[select]") {
  const torch::Tensor pool = groups();
  const plain::Rows rows = plain::rows_of(pool);
  const std::set<std::vector<double>> all(rows.begin(), rows.end());
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Clustered start = cluster(pool, 6, 0, seed), once = cluster(pool, 6, 1, seed);
    for (const std::vector<double>& center : start.centers) CHECK(all.count(center) == 1);
    check_nearest(start, rows);
    CHECK(farthest(once.centers, cluster_means(start, rows)) < 1e-12);
    CHECK(farthest(once.centers, start.centers) > 0.1);
    check_nearest(once, rows);
    const Clustered twice = cluster(pool, 6, 2, seed);
    CHECK(farthest(twice.centers, cluster_means(once, rows)) < 1e-12);
  }
}

TEST_CASE("k-means ends where every center is the mean of its rows, and every row with its nearest center",
          "[select]") {
  const torch::Tensor pool = groups();
  const plain::Rows rows = plain::rows_of(pool);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Clustered end = cluster(pool, 6, 1000, seed);
    CHECK(farthest(end.centers, cluster_means(end, rows)) < 1e-12);
    check_nearest(end, rows);
  }
}

TEST_CASE("as many clusters as rows are the rows, and of equal rows one cluster has all", "[select]") {
  const Clustered each = cluster(groups().narrow(0, 0, 9), 9, 10, 1);
  CHECK(std::set<std::int32_t>(each.cluster.begin(), each.cluster.end()).size() == 9);
  const Clustered equal = cluster(at::ones({5, 2}, torch::kFloat64), 3, 10, 1);
  CHECK(std::set<std::int32_t>(equal.cluster.begin(), equal.cluster.end()).size() == 1);
  for (const std::vector<double>& center : equal.centers) CHECK(center == std::vector<double>{1, 1});
}

TEST_CASE("max_det without noise takes the rank, and then the lowest ids with score 0", "[select]") {
  // Two directions in seven candidates; the fourth is nothing at all.
  const torch::Tensor pool = torch::tensor({{1.0, 0.0, 0.0},
                                            {2.0, 0.0, 0.0},
                                            {0.0, 3.0, 0.0},
                                            {0.0, 0.0, 0.0},
                                            {2.0, 3.0, 0.0},
                                            {0.0, 1.0, 0.0},
                                            {1.0, 1.0, 0.0}},
                                           torch::kFloat64);
  for (const double unit : {1.0, 1e-12, 1e12}) {
    INFO(unit);
    SelectionProblem problem{.pool = FeatureMatrix(pool * unit), .count = 7};
    const SelectedBatch batch = max_det(problem, {.sigma = 0});
    CHECK(batch.rows[0] == 4);
    // Given (2, 3) / √13, the variance left is 4 - 16/13 of (2, 0), and 9 - 81/13 of (0, 3): both 36/13.
    CHECK(batch.scores[0] == Approx(13 * unit * unit));
    CHECK(batch.scores[1] == Approx(36.0 / 13 * unit * unit));
    CHECK(std::vector<std::int64_t>(batch.rows.begin() + 2, batch.rows.end()).size() == 5);
    CHECK(std::is_sorted(batch.rows.begin() + 2, batch.rows.end()));
    CHECK(std::set<std::int64_t>(batch.rows.begin(), batch.rows.end()).size() == 7);
    for (std::size_t k = 2; k < 7; ++k) CHECK(batch.scores[k] == 0);
    problem.ids = {9, 8, 7, 6, 5, 4, 3};
    const SelectedBatch by_id = max_det(problem, {.sigma = 0});
    CHECK(std::is_sorted(by_id.rows.rbegin(), by_id.rows.rend() - 2));
  }
}

TEST_CASE("max_det takes candidates of weight 0 last", "[select]") {
  const torch::Tensor pool = torch::tensor({{3.0, 0.0}, {1.0, 0.0}, {0.0, 2.0}}, torch::kFloat64);
  const SelectionProblem problem{
      .pool = FeatureMatrix(pool), .weight = torch::tensor({0.0, 1.0, 1.0}, torch::kFloat64), .count = 3};
  const SelectedBatch batch = max_det(problem, {.sigma = 0.1});
  CHECK(batch.rows == std::vector<std::int64_t>{2, 1, 0});
  CHECK(batch.scores[2] == 0);
}
