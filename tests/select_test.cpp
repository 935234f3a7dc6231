// SPDX-License-Identifier: Apache-2.0
// Selection against its plain form, on thousands of small problems of every kind.
#include "support/device.hpp"
#include "support/catch.hpp"
#include "support/plain_select.hpp"
#include "support/toy.hpp"

#include <assay/data/npy.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/select/methods.hpp>
#include <assay/select/plan.hpp>

#include <ATen/CPUGeneratorImpl.h>

#include <numeric>
#include <random>

namespace {

using namespace assay;

struct Drawn {
  SelectionProblem problem;
  torch::Tensor pool, train;  // train and pending together
  plain::Case plain;
  double radius = 1;
};

/// Features of a kind: plain, heavy-tailed, clustered, duplicated, rank-deficient, on a grid (ties), far from the
/// origin, very small, very large.
torch::Tensor features_of_kind(int kind, std::int64_t n, std::int64_t d, torch::Generator& random) {
  const auto normal = [&](std::int64_t rows, std::int64_t columns) {
    return at::empty({rows, columns}, torch::kFloat64).normal_(0, 1, random);
  };
  torch::Tensor x = normal(n, d);
  switch (kind) {
    case 1: return x / normal(n, 1).abs().clamp_min(1e-3);
    case 2: return x * 0.01 + at::floor(at::empty({n, 1}, torch::kFloat64).uniform_(0, 4, random)) * 5;
    case 3:
      return x.index_select(
          0, at::floor(at::empty({n}, torch::kFloat64).uniform_(0, 1 + static_cast<double>(n) / 4, random))
                 .to(torch::kInt64)
                 .clamp_max(n - 1));
    case 4: return at::mm(normal(n, 2), normal(2, d));
    case 5: return at::round(x);
    case 6: return x + 1000;
    case 7: return x * 1e-22;
    case 8: return x * 1e15;
    default: return x;
  }
}

Drawn draw(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  torch::Generator generator = at::detail::createCPUGenerator(seed);
  const auto integer = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const int kind = static_cast<int>(integer(0, 8));
  const std::int64_t n = integer(1, 48), m = integer(0, 2) * integer(0, 8), d = integer(0, 3) == 0 ? 1 : integer(1, 40);
  const auto dtype = integer(0, 1) == 0 ? torch::kFloat32 : torch::kFloat64;
  const torch::Tensor all = features_of_kind(kind, n + m, d, generator).to(dtype);
  Drawn drawn;
  drawn.pool = all.narrow(0, 0, n).contiguous();
  drawn.train = all.narrow(0, n, m).contiguous();
  const std::int64_t pending = integer(0, m);
  drawn.problem.pool = FeatureMatrix(drawn.pool);
  if (m - pending > 0) drawn.problem.train = FeatureMatrix(drawn.train.narrow(0, 0, m - pending));
  if (pending > 0) drawn.problem.pending = FeatureMatrix(drawn.train.narrow(0, m - pending, pending));
  drawn.problem.count = integer(0, std::min<std::int64_t>(n, 20));
  drawn.problem.seed = static_cast<std::uint64_t>(integer(0, 1000));
  drawn.problem.threads = static_cast<int>(integer(1, 3));
  drawn.plain.pool = plain::rows_of(drawn.pool);
  drawn.plain.centers = plain::rows_of(drawn.train);
  drawn.plain.weight.assign(static_cast<std::size_t>(n), 1.0);
  drawn.plain.ids.resize(static_cast<std::size_t>(n));
  drawn.plain.taken.assign(static_cast<std::size_t>(n), false);
  std::iota(drawn.plain.ids.begin(), drawn.plain.ids.end(), 0);
  if (integer(0, 3) == 0) {
    std::shuffle(drawn.plain.ids.begin(), drawn.plain.ids.end(), random);
    drawn.problem.ids = drawn.plain.ids;
  }
  if (integer(0, 3) == 0) {
    torch::Tensor weight = torch::empty({n}, torch::kFloat64), cost = torch::empty({n}, torch::kFloat64);
    for (std::int64_t i = 0; i < n; ++i) {
      weight[i] = static_cast<double>(integer(0, 3)) / 2;
      cost[i] = static_cast<double>(integer(1, 4));
      drawn.plain.weight[static_cast<std::size_t>(i)] = weight[i].item<double>() / cost[i].item<double>();
    }
    drawn.problem.weight = weight;
    drawn.problem.cost = cost;
  }
  // A radius that is some distance exactly: the boundary belongs to the ball.
  if (n > 1) {
    const auto a = static_cast<std::size_t>(integer(0, n - 1)), b = static_cast<std::size_t>(integer(0, n - 1));
    drawn.radius = std::sqrt(plain::square_distance(drawn.plain.pool[a], drawn.plain.pool[b]));
  }
  return drawn;
}

void compare(const SelectedBatch& batch, const std::vector<plain::Pick>& picks, bool squared) {
  REQUIRE(batch.rows.size() == picks.size());
  for (std::size_t k = 0; k < picks.size(); ++k) {
    INFO("pick " << k);
    REQUIRE(batch.rows[k] == picks[k].row);
    if (squared) REQUIRE(batch.scores[k] == std::sqrt(picks[k].score));
  }
}

void compare_all(const SelectionProblem& problem, const Drawn& drawn) {
  {
    INFO("k_center");
    compare(select_batch("k_center", problem), plain::k_center(drawn.plain, problem.count), true);
  }
  {
    INFO("lcmd");
    compare(select_batch("lcmd", problem), plain::lcmd(drawn.plain, problem.count), true);
  }
  {
    INFO("kmeans_pp");
    compare(select_batch("kmeans_pp", problem), plain::kmeans_pp(drawn.plain, problem.count, problem.seed), false);
  }
  INFO("prob_cover");
  compare(select_batch("prob_cover", problem, {{"radius", drawn.radius}}),
          plain::prob_cover(drawn.plain, problem.count, drawn.radius), false);
}

}  // namespace

TEST_CASE("exact methods choose what the plain rule chooses", "[select]") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    INFO("seed " << seed);
    const Drawn drawn = draw(seed);
    compare_all(drawn.problem, drawn);
  }
}

TEST_CASE("streamed, blocked and resident selections are the same", "[select]") {
  const toy::Folder folder;
  const auto pool = folder / "pool.npy", train = folder / "train.safetensors";
  for (std::uint64_t seed = 5000; seed < 5150; ++seed) {
    INFO("seed " << seed);
    Drawn drawn = draw(seed);
    SelectionProblem& problem = drawn.problem;
    write_npy(pool, drawn.pool);
    problem.pool = FeatureMatrix::open(pool);
    if (drawn.train.size(0) > 0) {
      write_safetensors(train, {{"train", drawn.train}});
      problem.train = FeatureMatrix::open(train, "train");
      problem.pending = {};
    }
    for (const Execution execution : {Execution::streamed, Execution::blocked, Execution::resident}) {
      INFO(name_of(execution));
      problem.execution = execution;
      problem.pool = FeatureMatrix::open(pool);
      compare_all(problem, drawn);
    }
  }
}

TEST_CASE("larger problems: every thread count and memory bound gives the same batch", "[select]") {
  const toy::Folder folder;
  const auto file = folder / "pool.npy";
  torch::Generator random = at::detail::createCPUGenerator(3);
  for (const int kind : {0, 1, 2, 5, 6}) {
    const torch::Tensor pool = features_of_kind(kind, 5000, 24, random).to(torch::kFloat32);
    const torch::Tensor train = features_of_kind(kind, 60, 24, random).to(torch::kFloat32);
    write_npy(file, pool);
    for (const char* method : {"k_center", "lcmd", "kmeans_pp", "typiclust"}) {
      for (const bool with_train : {true, false}) {
        INFO(method << " kind " << kind << " train " << with_train);
        SelectionProblem problem{.pool = FeatureMatrix(pool), .count = 60, .seed = 9, .threads = 1};
        if (with_train) problem.train = FeatureMatrix(train);
        const SelectedBatch one = select_batch(method, problem);
        for (const int threads : {2, 3}) {
          problem.threads = threads;
          CHECK(select_batch(method, problem).rows == one.rows);
        }
        problem.threads = 1;
        problem.pool = FeatureMatrix::open(file);
        problem.execution = Execution::streamed;
        problem.memory = plan_selection(method, problem, false).bytes;
        const SelectedBatch streamed = select_batch(method, problem);
        CHECK(streamed.execution == Execution::streamed);
        CHECK(streamed.rows == one.rows);
        CHECK(streamed.scores == one.scores);
      }
    }
  }
}

TEST_CASE("picks follow the samples' ids when rows change places", "[select]") {
  torch::Generator random = at::detail::createCPUGenerator(8);
  const torch::Tensor pool = features_of_kind(5, 200, 3, random);
  const torch::Tensor order = at::empty({200}, torch::kFloat64).uniform_(0, 1, random).argsort();
  std::vector<SampleId> ids(200), moved(200);
  std::iota(ids.begin(), ids.end(), 0);
  for (std::int64_t i = 0; i < 200; ++i) moved[static_cast<std::size_t>(i)] = order[i].item<std::int64_t>();
  for (const char* method : {"k_center", "kmeans_pp", "prob_cover"}) {
    INFO(method);
    const Json options = std::string(method) == "prob_cover" ? Json{{"radius", 1}} : Json::object();
    const SelectedBatch a = select_batch(method, {.pool = FeatureMatrix(pool), .count = 30, .ids = ids}, options);
    const SelectedBatch b = select_batch(
        method, {.pool = FeatureMatrix(pool.index_select(0, order)), .count = 30, .ids = moved}, options);
    for (std::size_t k = 0; k < 30; ++k) CHECK(a.rows[k] == moved[static_cast<std::size_t>(b.rows[k])]);
  }
}

TEST_CASE("products on a CUDA device choose the same rows", "[select][cuda]") {
  if (no_cuda_device()) return;
  for (std::uint64_t seed = 9000; seed < 9200; ++seed) {
    INFO("seed " << seed);
    Drawn drawn = draw(seed);
    drawn.problem.device = torch::kCUDA;
    compare_all(drawn.problem, drawn);
  }
}
