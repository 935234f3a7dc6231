// SPDX-License-Identifier: Apache-2.0
// What is learnt of failures and run times, and how it is weighed.
#include "support/catch.hpp"
#include "support/crash.hpp"
#include "support/toy.hpp"

#include "../src/query/outcome_models.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/error.hpp>
#include <assay/query/expected_value.hpp>

#include <algorithm>
#include <cmath>
#include <chrono>
#include <set>
#include <thread>

using namespace assay;
using assay::detail::CostModel;
using assay::detail::KernelScales;
using assay::detail::SuccessModel;

namespace {

torch::Tensor scattered_points(std::int64_t count) {
  torch::Tensor x = torch::empty({count, 2}, torch::kFloat64);
  for (std::int64_t i = 0; i < count; ++i) {
    x[i][0] = std::sin(3.7 * static_cast<double>(i));
    x[i][1] = std::cos(2.3 * static_cast<double>(i));
  }
  return x;
}

KernelScales scales(double amplitude) {
  return {.lengths = torch::tensor({0.8, 2.0}, torch::kFloat64), .amplitude = amplitude};
}

const torch::Tensor asked_about = torch::tensor({0.1, 0.2, -0.9, 0.7, 3.0, 3.0}, torch::kFloat64).reshape({3, 2});

/// Gives the candidates in the order of the pool, with a score or none.
struct InOrder {
  bool scored = true;
  std::int64_t max_samples = 1000;
  std::vector<std::int64_t>* asked = nullptr;
  Selection select(const QueryContext& context) const {
    Selection all;
    for (std::int64_t i = 0; i < std::min(context.unlabeled().size(), max_samples); ++i) {
      all.positions.push_back(i);
      if (scored) all.scores.push_back(1);
    }
    if (asked) *asked = context.unlabeled().ids();
    return all;
  }
};

/// Candidates on a line from -1 to 1, and simulations there that failed right of 0 and took longer to the left.
struct Line {
  AnyLearner learner = Mlp({.inputs = {"a"}, .targets = {"y"}, .hidden = {4}});
  TensorPool candidates{Values{{"a", torch::linspace(-1, 1, 41, torch::kFloat64)}}, 100};
  SimulationHistory past;

  explicit Line(std::int64_t simulations) {
    past.inputs.set("a", torch::linspace(-1, 1, simulations, torch::kFloat64));
    past.succeeded = past.inputs["a"] < 0;
    past.seconds = (1 - 0.8 * past.inputs["a"]).exp();
    for (std::int64_t i = 0; i < simulations; ++i) past.ids.push_back(i);
  }
  Selection select(ExpectedValueOptions options) {
    ExpectedValue query(std::move(options));
    const QueryInputs inputs{.unlabeled = PoolView(candidates, candidates.ids()),
                             .labeled = PoolView(),
                             .learner = LearnerView(LearnerRef(learner)),
                             .round = 2,
                             .history = [this] { return past; }};
    return query.select(QueryContext(inputs));
  }
  double at(std::int64_t position) const { return candidates.column("a")[position].item<double>(); }
};

/// A campaign whose simulations fail where a > 0.2, two fifths of the space.
auto failing_campaign(const std::filesystem::path& dir, AnyQuery query, std::int64_t rounds = 6,
                      std::vector<AnyObserver> observers = {}) {
  DriverOptions options = toy::options(dir);
  options.max_rounds = rounds;
  options.resume = Resume::if_present;
  options.observers = std::move(observers);
  return Driver(std::move(options), {.labeled = toy::labeled(12), .unlabeled = sobol(toy::space(), 300, {.skip = 12})},
                toy::ensemble(), std::move(query),
                FunctionLabel({.provides = {"y"}},
                              [](const Values& x) {
                                if (x.scalar("a") > 0.2) throw std::runtime_error("diverged");
                                return toy::solve(x);
                              }),
                NoMetrology(), toy::loop());
}

}  // namespace

TEST_CASE("the probability of success is that of a Gaussian process classifier", "[query]") {
  const torch::Tensor x = scattered_points(12), s = x.select(1, 0) + 0.3 * x.select(1, 1);
  const torch::Tensor succeeded = s > 0.5 * (std::get<0>(s.sort())[5] + std::get<0>(s.sort())[6]);
  const SuccessModel model(x, succeeded, scales(4));
  // GaussianProcessClassifier(4 * RBF([0.8, 2.0]), optimizer=None) of scikit-learn 1.9.1, its integral by quadrature.
  const torch::Tensor p = model.probability(asked_about);
  CHECK(p[0].item<double>() == Approx(0.6050932743760983).epsilon(1e-6));
  CHECK(p[1].item<double>() == Approx(0.16702050501342816).epsilon(1e-6));
  CHECK(p[2].item<double>() == Approx(0.5019432144967653).epsilon(1e-6));
  CHECK(model.evidence() == Approx(-5.851401727475108).epsilon(1e-8));
}

TEST_CASE("expected seconds are those of a Gaussian process on their logarithms", "[query]") {
  const torch::Tensor x = scattered_points(12);
  const torch::Tensor seconds = (0.5 + 0.8 * x.select(1, 0) - 0.3 * x.select(1, 1).square()).exp();
  const CostModel model(x, seconds, scales(1), 0.01);
  // GaussianProcessRegressor(1 * RBF([0.8, 2.0]), alpha=0.01, optimizer=None) of scikit-learn 1.9.1.
  const torch::Tensor expected = model.seconds(asked_about);
  CHECK(expected[0].item<double>() == Approx(1.64822814).epsilon(1e-7));
  CHECK(expected[1].item<double>() == Approx(0.65828309).epsilon(1e-7));
  CHECK(expected[2].item<double>() == Approx(1.4211713).epsilon(1e-7));
  CHECK(model.evidence() == Approx(20.16701746744326).epsilon(1e-8));
}

TEST_CASE("failures are learnt with the input they depend on", "[query]") {
  torch::Tensor x = torch::empty({120, 3}, torch::kFloat64);
  for (std::int64_t i = 0; i < 120; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) x[i][j] = 4 * RandomKey(5).with(i).with(j).uniform() - 2;
  }
  const SuccessModel model = SuccessModel::fit(x.narrow(0, 0, 80), x.narrow(0, 0, 80).select(1, 1) < 0.7);
  const torch::Tensor fresh = x.narrow(0, 80, 40);
  const torch::Tensor right = (model.probability(fresh) > 0.5) == (fresh.select(1, 1) < 0.7);
  CHECK(right.sum().item<int>() >= 38);
  // Far away nothing is known but the share of successes.
  const double share = (x.narrow(0, 0, 80).select(1, 1) < 0.7).to(torch::kFloat64).mean().item<double>();
  CHECK(model.probability(torch::full({1, 3}, 1e3, torch::kFloat64)).item<double>() == Approx(share).margin(0.1));
  const CostModel cost = CostModel::fit(x.narrow(0, 0, 80), (1 + x.narrow(0, 0, 80).select(1, 2)).exp());
  const torch::Tensor error = cost.seconds(fresh).log() - (1 + fresh.select(1, 2));
  CHECK(error.square().mean().sqrt().item<double>() < 0.1);
}

TEST_CASE("scores are weighed by the probability of success, and by seconds if asked for", "[query]") {
  Line line(21);
  const Selection likely = line.select({.strategy = InOrder(), .max_samples = 15});
  REQUIRE(likely.positions.size() == 15);
  CHECK(std::is_sorted(likely.scores.rbegin(), likely.scores.rend()));
  for (const std::int64_t position : likely.positions) CHECK(line.at(position) < 0);
  const Selection fast = line.select({.strategy = InOrder(), .max_samples = 1, .per_second = true});
  CHECK(line.at(fast.positions.at(0)) > line.at(likely.positions.at(0)));
  CHECK(line.at(fast.positions.at(0)) < 0.1);
}

TEST_CASE("candidates that are likely to fail are not offered to a strategy that chooses a batch", "[query]") {
  Line line(21);
  std::vector<SampleId> asked;
  line.select({.strategy = InOrder{.scored = false, .asked = &asked}, .max_samples = 4, .min_success = 0.5});
  CHECK(asked.size() > 10);
  CHECK(std::is_sorted(asked.begin(), asked.end()));
  for (const SampleId id : asked) CHECK(line.at(id - 100) < 0.1);
  // Where hardly any is likely enough, the likeliest.
  line.select({.strategy = InOrder{.scored = false, .asked = &asked}, .max_samples = 4, .min_success = 1});
  CHECK(asked.size() == 4);
}

TEST_CASE("nothing is learnt before there are a few failures, and a success", "[query]") {
  Line line(21);
  const ExpectedValueOptions options{.strategy = InOrder(), .max_samples = 5};
  const std::vector<std::int64_t> first{0, 1, 2, 3, 4};
  line.past.succeeded = torch::arange(21) > 1;  // two failures
  CHECK(line.select(options).positions == first);
  line.past.succeeded = torch::arange(21) > 2;  // three
  CHECK(line.select(options).positions != first);
  line.past.succeeded = torch::zeros({21}, torch::kBool);
  CHECK(line.select(options).positions == first);
  line.past = SimulationHistory();
  CHECK(line.select(options).positions == first);
}

TEST_CASE("the share of picks that fail falls once failures are learnt from", "[query]") {
  const toy::Folder folder;
  auto blind = failing_campaign(folder / "blind", MaxVariance({.max_samples = 8}));
  blind.run();
  auto learns = failing_campaign(folder / "learns",
                                 ExpectedValue({.strategy = MaxVariance({.max_samples = 100}), .max_samples = 8}));
  learns.run();
  auto filters = failing_campaign(
      folder / "filters",
      ExpectedValue({.strategy = CoreSet({.max_samples = 8}), .max_samples = 8, .min_success = 0.5}));
  filters.run();
  INFO(blind.counts().failed << " of 48 failed, " << learns.counts().failed << " with scores weighed, "
                             << filters.counts().failed << " with candidates filtered");
  CHECK(blind.counts().failed + blind.counts().labels == 48);
  CHECK(2 * learns.counts().failed < blind.counts().failed);
  CHECK(2 * filters.counts().failed < blind.counts().failed);
  CHECK(learns.counts().failed >= 3);
}

TEST_CASE("what is learnt of failures is the same on resume", "[query]") {
  const toy::Folder folder;
  const AnyQuery query = ExpectedValue({.strategy = MaxVariance({.max_samples = 100}), .max_samples = 8});
  failing_campaign(folder / "whole", query, 4).run();
  const std::string hash = campaign_hash(folder / "whole");
  for (const int at : {3, 9, 14}) {
    const auto dir = folder / ("crashed_" + std::to_string(at));
    CHECK_THROWS_WITH(failing_campaign(dir, query, 4, {Crash{Event::Kind::phase_started, at}}).run(),
                      Contains("crash"));
    auto again = failing_campaign(dir, query, 4);
    CHECK(again.run() == RunStatus::finished);
    CHECK(campaign_hash(dir) == hash);
  }
  std::filesystem::remove_all(folder / "whole/checkpoints");
  failing_campaign(folder / "whole", query, 4).run();
  CHECK(campaign_hash(folder / "whole") == hash);
}

TEST_CASE("a campaign tells its query of failures and seconds, and nothing of the test pool", "[query]") {
  const toy::Folder folder;
  SimulationHistory told;
  struct Asks {
    SimulationHistory* told;
    Selection select(const QueryContext& context) const {
      *told = context.history();
      return {.positions = {0, 1}, .scores = {}, .strategies = {}};
    }
  };
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 2;
  int calls = 0;
  Driver driver(options,
                {.labeled = sobol(toy::space(), 6),
                 .unlabeled = sobol(toy::space(), 20, {.skip = 20}),
                 .test = sobol(toy::space(), 4, {.skip = 50})},
                toy::mlp(), Asks{&told},
                FunctionLabel({.provides = {"y"}},
                              [&](const Values& x) -> Values {
                                ++calls;
                                if (calls == 2) throw Infeasible("no such plate");
                                if (calls == 3) throw std::runtime_error("diverged");
                                if (calls == 4) std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                return toy::solve(x);
                              }),
                NoMetrology(), toy::loop());
  driver.run();
  CHECK(calls == 14);
  REQUIRE(told.size() == 8);  // six to start with, two of round 1
  CHECK(told.succeeded.to(torch::kInt64).sum().item<int>() == 6);
  CHECK_FALSE(told.succeeded[1].item<bool>());
  CHECK_FALSE(told.succeeded[2].item<bool>());
  CHECK(told.seconds.sizes() == torch::IntArrayRef{8});
  CHECK((told.seconds.select(0, 3) >= 0.02).item<bool>());  // what that simulation slept
  CHECK(told.inputs["a"].narrow(0, 0, 6).equal(sobol(toy::space(), 6)["a"]));
}

TEST_CASE("what is learnt is learnt of the newest 400 simulations", "[query]") {
  // The oldest 300 say that the left fails, the 400 after them that the right does.
  Line line(400);
  SimulationHistory past;
  const torch::Tensor old = torch::linspace(-1, 1, 300, torch::kFloat64), recent = line.past.inputs["a"];
  past.inputs.set("a", torch::cat({old, recent}));
  past.succeeded = torch::cat({old > 0, recent < 0});
  past.seconds = torch::ones({700}, torch::kFloat64);
  for (std::int64_t i = 0; i < 700; ++i) past.ids.push_back(i);
  line.past = past;
  const Selection picked = line.select({.strategy = InOrder(), .max_samples = 12});
  REQUIRE(picked.positions.size() == 12);
  for (const std::int64_t position : picked.positions) CHECK(line.at(position) < 0);
}

TEST_CASE("scores below zero are raised before they are weighed: a likely failure is never worth more for it",
          "[query]") {
  // Wanted: the left, at -1, which succeeds; not wanted: the right, at -3, which fails.
  struct Negative {
    Selection select(const QueryContext& context) const {
      Selection all;
      for (std::int64_t i = 0; i < context.unlabeled().size(); ++i) {
        all.positions.push_back(i);
        all.scores.push_back(i < 20 ? -1 : -3);
      }
      return all;
    }
  };
  Line line(21);
  const Selection picked = line.select({.strategy = Negative(), .max_samples = 15});
  REQUIRE(picked.positions.size() == 15);
  for (std::size_t i = 0; i < 15; ++i) {
    CHECK(line.at(picked.positions[i]) < 0);
    CHECK(picked.scores[i] > 0);  // two above the lowest, times a probability
    CHECK(picked.scores[i] <= 2);
  }
}

TEST_CASE("picks without scores are worth the less the later they come", "[query]") {
  Line line(21);
  line.past.succeeded = torch::arange(21).remainder(2) == 0;  // failures everywhere alike
  const Selection picked = line.select({.strategy = InOrder{.scored = false}, .max_samples = 3});
  CHECK(picked.positions.size() == 3);
  for (const std::int64_t position : picked.positions) CHECK(position < 12);
  CHECK(std::is_sorted(picked.scores.rbegin(), picked.scores.rend()));
}
