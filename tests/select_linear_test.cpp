// SPDX-License-Identifier: Apache-2.0
// Methods up to near ties, against their definitions in dense algebra; bad input; plans; what bmdal-reg chooses.
#include "support/catch.hpp"
#include "support/plain_select.hpp"
#include "support/toy.hpp"

#include <assay/data/npy.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/select/methods.hpp>
#include <assay/select/prob_cover.hpp>
#include <assay/select/plan.hpp>
#include <assay/select/stochastic.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <fstream>

namespace {

using namespace assay;

torch::Tensor normal(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  return at::empty({n, d}, torch::kFloat64).normal_(0, 1, at::detail::createCPUGenerator(seed));
}

/// Posterior covariance of weights ~ N(0, I) after seeing `rows` with noise.
torch::Tensor posterior(const torch::Tensor& rows, double sigma) {
  const std::int64_t d = rows.size(1);
  return at::linalg_inv(at::mm(rows.t(), rows) / (sigma * sigma) + at::eye(d, torch::kFloat64));
}

/// The batch is greedy for score(rows seen) up to a relative 1e-8: each pick scores within that of the best left.
template <class Score>
void check_greedy(const SelectedBatch& batch, torch::Tensor seen, const torch::Tensor& pool, Score score) {
  std::vector<std::int64_t> taken;
  for (std::size_t k = 0; k < batch.rows.size(); ++k) {
    torch::Tensor scores = score(seen);
    for (const std::int64_t row : taken) scores[row] = -1e300;
    const double best = scores.max().item<double>(), got = scores[batch.rows[k]].item<double>();
    INFO("pick " << k << ": row " << batch.rows[k] << " scores " << got << ", the best " << best);
    REQUIRE(got >= best - 1e-8 * std::abs(best));
    REQUIRE(batch.scores[k] == Approx(got).epsilon(1e-6));
    taken.push_back(batch.rows[k]);
    seen = at::cat({seen, pool[batch.rows[k]].unsqueeze(0)});
  }
}

}  // namespace

TEST_CASE("max_det and bait are greedy for their formulas", "[select]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    const std::int64_t d = 1 + static_cast<std::int64_t>(seed % 9), m = static_cast<std::int64_t>(seed % 4) * 3;
    const torch::Tensor pool = normal(40, d, seed), train = normal(m, d, 1000 + seed);
    const double sigma = seed % 2 == 0 ? 0.1 : 1;
    SelectionProblem problem{.pool = FeatureMatrix(pool), .count = 12, .threads = 2};
    if (m > 0) problem.train = FeatureMatrix(train);
    check_greedy(select_batch("max_det", problem, {{"sigma", sigma}}), train, pool, [&](const torch::Tensor& seen) {
      return (at::mm(pool, posterior(seen, sigma)) * pool).sum(1) + sigma * sigma;
    });
    const torch::Tensor all = at::cat({pool, train}), target = at::mm(all.t(), all);
    check_greedy(select_batch("bait", problem, {{"sigma", sigma}}), train, pool, [&](const torch::Tensor& seen) {
      const torch::Tensor p = posterior(seen, sigma);
      return (at::mm(pool, at::mm(at::mm(p, target), p)) * pool).sum(1) /
             ((at::mm(pool, p) * pool).sum(1) + sigma * sigma + 1e-8);
    });
  }
}

TEST_CASE("frank_wolfe takes the steps of its algorithm", "[select]") {
  const torch::Tensor pool = normal(60, 5, 4), norms = pool.norm(2, {1});
  const SelectedBatch batch = select_batch("frank_wolfe", {.pool = FeatureMatrix(pool), .count = 10});
  torch::Tensor embedding = at::zeros({5}, torch::kFloat64);
  const torch::Tensor sum = pool.sum(0);
  std::vector<std::int64_t> taken;
  for (std::size_t k = 0; k < 10; ++k) {
    torch::Tensor scores = at::mv(pool, sum - embedding) / norms;
    for (const std::int64_t row : taken) scores[row] = -1e300;
    REQUIRE(batch.rows[k] == scores.argmax().item<std::int64_t>());
    taken.push_back(batch.rows[k]);
    const torch::Tensor towards = pool[batch.rows[k]] / norms[batch.rows[k]] * norms.sum() - embedding;
    embedding = embedding + towards * (at::dot(towards, sum - embedding) / at::dot(towards, towards));
  }
}

TEST_CASE("exhausted methods answer with the lowest rows", "[select]") {
  const torch::Tensor pool = at::mm(normal(12, 2, 1), normal(2, 6, 2));  // rank 2
  const SelectedBatch batch = select_batch("max_det", {.pool = FeatureMatrix(pool), .count = 12}, {{"sigma", 0}});
  CHECK(batch.rows.size() == 12);
  CHECK(batch.scores[1] > 0);
  for (std::size_t k = 2; k < 12; ++k) CHECK(batch.scores[k] == 0);
  for (std::size_t k = 3; k < 12; ++k) CHECK(batch.rows[k] > batch.rows[k - 1]);
  const torch::Tensor same = at::ones({5, 3}, torch::kFloat64);
  for (const char* method : {"k_center", "lcmd", "max_det", "bait", "frank_wolfe"}) {
    INFO(method);
    std::vector<std::int64_t> rows = select_batch(method, {.pool = FeatureMatrix(same), .count = 5}).rows;
    CHECK(rows == std::vector<std::int64_t>{0, 1, 2, 3, 4});
  }
}

TEST_CASE("typiclust chooses dense places of different clusters", "[select]") {
  torch::Tensor pool = normal(90, 2, 3) * 0.1;
  pool.narrow(0, 30, 30) += 10;
  pool.narrow(0, 60, 30) -= 10;
  const SelectedBatch batch = select_batch("typiclust", {.pool = FeatureMatrix(pool), .count = 3, .seed = 1});
  std::vector<std::int64_t> thirds;
  for (const std::int64_t row : batch.rows) thirds.push_back(row / 30);
  std::sort(thirds.begin(), thirds.end());
  CHECK(thirds == std::vector<std::int64_t>{0, 1, 2});
  // A known row in one of them: that one comes last.
  const SelectedBatch two = select_batch(
      "typiclust", {.pool = FeatureMatrix(pool), .train = FeatureMatrix(pool.narrow(0, 0, 1)), .count = 2, .seed = 1});
  for (const std::int64_t row : two.rows) CHECK(row >= 30);
}

TEST_CASE("the pure radius of two groups on a line is the one worked out by hand", "[select]") {
  // Distances to the nearest of the other group: 10, 9, 8 and 8, 9, 10.
  const torch::Tensor pool = torch::tensor({0.0, 12.0, 1.0, 10.0, 2.0, 11.0}, torch::kFloat64);
  const SelectionProblem problem{.pool = FeatureMatrix(pool), .seed = 4};
  const auto below = [](double number) { return std::nextafter(number, 0.0); };
  CHECK(pure_radius(problem, {.clusters = 2}) == below(8));
  CHECK(pure_radius(problem, {.clusters = 2, .purity = 0.6}) == below(9));  // four of six
  CHECK(pure_radius(problem, {.clusters = 2, .purity = 0.3}) == below(10));
  CHECK(pure_radius(problem, {.clusters = 1}) == 0);
  // Labeled rows are balls, too: one at 7.5 joins the second group, which then comes as near as 5.5 to the first.
  const SelectionProblem more{
      .pool = FeatureMatrix(pool), .train = FeatureMatrix(torch::tensor({7.5}, torch::kFloat64)), .seed = 4};
  CHECK(pure_radius(more, {.clusters = 2}) == below(5.5));
  CHECK_THROWS_AS(pure_radius(problem, {.clusters = 0}), ConfigError);
}

TEST_CASE("at the pure radius 95 % of the balls hold one group, and a little above it fewer", "[select]") {
  constexpr std::int64_t each = 700, n = 3 * each;
  torch::Tensor pool = normal(n, 3, 5);
  pool.narrow(0, each, each).select(1, 0) += 9;
  pool.narrow(0, 2 * each, each).select(1, 1) += 9;
  const torch::Tensor square = (pool.unsqueeze(1) - pool.unsqueeze(0)).square().sum(2);
  const torch::Tensor group = torch::arange(n).div(each, "floor");
  const torch::Tensor foreign = at::where(group.unsqueeze(1) == group.unsqueeze(0), INFINITY, square);
  const torch::Tensor reach = std::get<0>(foreign.min(1));
  std::vector<SampleId> ids(n), moved(n);
  const torch::Tensor order = normal(n, 1, 6).flatten().argsort();
  for (std::int64_t i = 0; i < n; ++i) {
    ids[static_cast<std::size_t>(i)] = i;
    moved[static_cast<std::size_t>(i)] = order[i].item<std::int64_t>();
  }
  const double radius = pure_radius({.pool = FeatureMatrix(pool), .seed = 2, .ids = ids}, {.clusters = 3});
  CHECK((reach > radius * radius).to(torch::kFloat64).mean().item<double>() == Approx(0.95).margin(0.004));
  // The order of the candidates says nothing, other draws little.
  const auto other = [&](std::uint64_t seed) {
    return pure_radius({.pool = FeatureMatrix(pool.index_select(0, order)), .seed = seed, .ids = moved},
                       {.clusters = 3});
  };
  CHECK(other(2) == radius);
  CHECK(other(3) == Approx(radius).epsilon(0.02));
  // Of at most 2,000 rows every one is a ball: 570 of 600 are pure, and fewer a little farther out.
  const torch::Tensor reach_of_few = std::get<0>(foreign.narrow(0, 400, 600).narrow(1, 400, 600).min(1));
  const double exact = pure_radius({.pool = FeatureMatrix(pool.narrow(0, 400, 600)), .seed = 2}, {.clusters = 2});
  const auto pure = [&](double r) { return (reach_of_few > r * r).sum().item<std::int64_t>(); };
  CHECK(pure(exact * (1 - 1e-12)) >= 570);
  CHECK(pure(exact * (1 + 1e-12)) < 570);
}

TEST_CASE("stochastic top-k draws with the chances it should", "[select]") {
  const torch::Tensor scores = torch::tensor({1.0, 2.0, 0.0, 5.0}, torch::kFloat64);
  std::vector<int> power(4), softmax(4);
  for (int seed = 0; seed < 20000; ++seed) {
    ++power[static_cast<std::size_t>(power_top_k(scores, 1, RandomKey(1).with(seed)).positions[0])];
    ++softmax[static_cast<std::size_t>(softmax_top_k(scores, 1, RandomKey(1).with(seed), {.beta = 0.5}).positions[0])];
  }
  const double total = std::exp(0.5) + std::exp(1) + 1 + std::exp(2.5);
  const double chance[] = {std::exp(0.5) / total, std::exp(1) / total, 1 / total, std::exp(2.5) / total};
  for (int i = 0; i < 4; ++i) {
    CHECK(power[static_cast<std::size_t>(i)] / 20000.0 == Approx(scores[i].item<double>() / 8).margin(0.015));
    CHECK(softmax[static_cast<std::size_t>(i)] / 20000.0 == Approx(chance[i]).margin(0.015));
  }
  CHECK(power_top_k(scores, 4, RandomKey(3)).positions[3] == 2);
  CHECK_THROWS_AS(power_top_k(-scores, 1, RandomKey(3)), DataError);
  CHECK_THROWS_AS(softmax_top_k(scores / 0 * 0, 1, RandomKey(3)), DataError);
}

TEST_CASE("kmeans_pp draws with chances proportional to squared distance", "[select]") {
  const torch::Tensor pool = torch::tensor({1.0, 2.0, 3.0}, torch::kFloat64).unsqueeze(1);
  std::vector<int> drawn(3);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const SelectedBatch batch = select_batch("kmeans_pp",
                                             {.pool = FeatureMatrix(pool),
                                              .train = FeatureMatrix(torch::zeros({1, 1}, torch::kFloat64)),
                                              .seed = seed,
                                              .threads = 1});
    ++drawn[static_cast<std::size_t>(batch.rows[0])];
  }
  for (int i = 0; i < 3; ++i)
    CHECK(drawn[static_cast<std::size_t>(i)] / 4000.0 == Approx((i + 1) * (i + 1) / 14.0).margin(0.03));
}

TEST_CASE("selection refuses what it cannot use, and says why", "[select]") {
  const torch::Tensor pool = normal(20, 3, 1);
  torch::Tensor damaged = pool.clone();
  damaged[7][1] = std::nan("");
  for (const SelectionMethod& method : selection_methods()) {
    if (method.on_scores) continue;
    INFO(method.key);
    const Json options = method.key == "prob_cover" ? Json{{"radius", 1}} : Json::object();
    const auto choose = [&](const torch::Tensor& p, const torch::Tensor& t) {
      return select_batch(method.key,
                          {.pool = FeatureMatrix(p, "pool"), .train = FeatureMatrix(t, "train"), .count = 4}, options);
    };
    CHECK_THROWS_WITH(choose(damaged, pool), Contains("[assay.select.finite] pool, row 7"));
    CHECK_THROWS_WITH(choose(damaged, {}), Contains("[assay.select.finite] pool, row 7"));
    CHECK_THROWS_WITH(choose(pool, damaged), Contains("[assay.select.finite] train, row 7"));
    CHECK_THROWS_AS(choose(pool, normal(5, 4, 1)), ShapeError);
    CHECK_THROWS_AS(choose(pool, pool.to(torch::kFloat32)), ShapeError);
    CHECK_THROWS_AS(choose(pool.narrow(0, 0, 0), pool), DataError);
    CHECK(choose(pool, pool.narrow(0, 0, 0)).rows == choose(pool, {}).rows);  // no training rows: none given
    CHECK_THROWS_AS(select_batch(method.key, {.pool = FeatureMatrix(pool), .memory = 100}, options), ConfigError);
  }
  CHECK_THROWS_AS(FeatureMatrix(pool.to(torch::kInt64)), ShapeError);
  CHECK_THROWS_AS(FeatureMatrix(pool.unsqueeze(0)), ShapeError);
  CHECK_THROWS_WITH(select_batch("kcenter", {.pool = FeatureMatrix(pool)}), Contains("k_center"));
  CHECK_THROWS_WITH(select_batch("max_det", {.pool = FeatureMatrix(pool)}, {{"noise", 1}}), Contains("sigma"));
  CHECK_THROWS_AS(select_batch("max_det", {.pool = FeatureMatrix(pool)}, {{"sigma", -1}}), ConfigError);
  CHECK_THROWS_AS(select_batch("prob_cover", {.pool = FeatureMatrix(pool)}), ConfigError);
  CHECK_THROWS_AS(select_batch("k_center", {.pool = FeatureMatrix(pool), .weight = torch::ones({3})}), ShapeError);
  CHECK_THROWS_AS(select_batch("k_center", {.pool = FeatureMatrix(pool), .cost = torch::zeros({20})}), DataError);
}

TEST_CASE("feature files that are not whole are refused", "[select]") {
  const toy::Folder folder;
  const torch::Tensor rows = normal(10, 4, 1);
  const auto npy = folder / "x.npy", safe = folder / "x.safetensors";
  write_npy(npy, rows);
  write_safetensors(safe, {{"a", rows}, {"b", rows}});
  CHECK(FeatureMatrix::open(npy).rows() == 10);
  CHECK(FeatureMatrix::open(safe, "b").dims() == 4);
  CHECK_THROWS_WITH(FeatureMatrix::open(safe), Contains("'a', 'b'"));
  CHECK_THROWS_WITH(FeatureMatrix::open(safe, "c"), Contains("'c'"));
  CHECK_THROWS_AS(FeatureMatrix::open(folder / "none.npy"), DataError);
  CHECK_THROWS_AS(FeatureMatrix::open(folder.path()), DataError);
  const std::string bytes = assay::detail::read_file(npy), others = assay::detail::read_file(safe);
  for (const std::size_t size : {std::size_t(0), std::size_t(5), std::size_t(40), bytes.size() - 1}) {
    assay::detail::write_file(npy, bytes.substr(0, size));
    CHECK_THROWS_AS(FeatureMatrix::open(npy), DataError);
  }
  for (const std::size_t size : {std::size_t(0), std::size_t(5), std::size_t(40), others.size() - 1}) {
    assay::detail::write_file(safe, others.substr(0, size));
    CHECK_THROWS_AS(FeatureMatrix::open(safe, "b"), DataError);
  }
  // R5: a header of any kind and length is read or refused.
  const auto with_header = [&](const std::string& header) {
    const std::string length{static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
    const std::string start = "\x93NUMPY\x01" + std::string(1, '\0') + length;
    assay::detail::write_file(npy, start + header + bytes.substr(bytes.size() - 10 * 4 * 8));
  };
  const std::string fields = "{'descr': '<f8', 'fortran_order': False, 'shape': ";
  with_header(fields + std::string(60000, ' ') + "(10, 4)}");
  CHECK(FeatureMatrix::open(npy).rows() == 10);
  with_header(fields + "(" + std::string(60000, '1') + ",)}");
  CHECK_THROWS_AS(FeatureMatrix::open(npy), DataError);
  std::string wide;
  for (int i = 0; i < 30000; ++i) wide += "1,";
  with_header(fields + "(" + wide + ")}");
  CHECK_THROWS_AS(FeatureMatrix::open(npy), DataError);
  with_header("{'descr': '" + std::string(60000, 'f') + "', 'fortran_order': False, 'shape': (10, 4)}");
  CHECK_THROWS_AS(FeatureMatrix::open(npy), ShapeError);
  std::string fortran = bytes;
  fortran.replace(fortran.find("False"), 5, "True ");
  assay::detail::write_file(npy, fortran);
  CHECK_THROWS_WITH(FeatureMatrix::open(npy), Contains("Fortran"));
  std::string big_endian = bytes;
  big_endian[big_endian.find("<f8")] = '>';
  assay::detail::write_file(npy, big_endian);
  CHECK_THROWS_AS(FeatureMatrix::open(npy), ShapeError);
  write_npy(npy, rows.to(torch::kInt32));
  CHECK_THROWS_AS(FeatureMatrix::open(npy), ShapeError);
}

TEST_CASE("bmdal-reg 3.0.2 chooses the same rows up to near ties", "[select]") {
  // Written by tests/fixtures/select/generate.
  const std::filesystem::path folder = ASSAY_FIXTURES "/select";
  std::ifstream file(folder / "bmdal_reg_3.0.2.json");
  const Json all = Json::parse(file);
  const Values matrices = read_safetensors(folder / "features.safetensors");
  CHECK(all.size() > 50);
  for (const Json& row : all) {
    const auto set = row.at("set").get<std::string>(), method = row.at("method").get<std::string>();
    const bool with_train = row.at("train").get<bool>();
    INFO(method << " on " << set << (with_train ? " with train" : ""));
    SelectionProblem problem{.pool = FeatureMatrix(matrices[set + "/pool"])};
    if (with_train) problem.train = FeatureMatrix(matrices[set + "/train"]);
    const auto peer = row.at("indices").get<std::vector<std::int64_t>>();
    problem.count = static_cast<std::int64_t>(peer.size());
    const Json options = row.at("options");
    const SelectedBatch batch = select_batch(method, problem, options);
    const auto distinct = row.at("distinct").get<std::size_t>();  // picks before a near tie, as the script found them
    std::size_t same = 0;
    const torch::Tensor& pool = matrices[set + "/pool"];
    while (same < peer.size() && pool[batch.rows[same]].equal(pool[peer[same]])) ++same;  // copies are as good
    CHECK(same >= distinct);
  }
}
