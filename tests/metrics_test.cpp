// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/stop/stop.hpp>

#include <numbers>

using namespace assay;

namespace {

/// Predicts y = 2 a, with variance 0.25, and class 1 where a > 0: no training needed to know the right figures.
struct Fixed {
  std::vector<std::string> inputs() const { return {"a"}; }
  std::vector<std::string> targets() const { return {"y", "c"}; }
  std::vector<torch::Tensor> parameters() const { return {}; }
  Batch pack(const Values&, std::span<const SampleId>) const { return {}; }
  torch::Tensor training_step(const Batch&) { return {}; }
  Values predict(const Values& x) const { return {{"y", 2 * x["a"]}, {"c", (x["a"] > 0).to(torch::kFloat64)}}; }
  Values variance(const Values& x) const { return {{"y", torch::full_like(x["a"], 0.25)}}; }
  void set_training(bool) {}
  void reset(std::uint64_t) {}
  State save() const { return {}; }
  void load(const State&) {}
};
static_assert(LearnerProtocol<Fixed>);

template <class Metric>
Measurements measure(const Metric& metric) {
  Fixed learner;
  const TensorPool pool(Values{{"a", std::vector<double>{1, 2, -1, 3}},
                               {"y", std::vector<double>{2, 5, -2, 6}},
                               {"c", torch::tensor({1, 0, 1, 1})}});
  const MetrologyInputs inputs{
      .evaluation = PoolView(pool, pool.ids()), .labeled = {}, .learner = LearnerView(LearnerRef(learner))};
  return metric.measure(MetrologyContextWith<Variance>(inputs));
}

}  // namespace

TEST_CASE("errors are those computed by hand", "[metrics]") {
  // Errors 0, -1, 0, 0; truth 2, 5, -2, 6: mean 2.75, variance 9.6875.
  const double deviation = std::sqrt(9.6875);
  CHECK(*find(measure(Rmse()), "rmse/y") == Approx(0.5));
  CHECK(*find(measure(Rmse()), "rmse") == Approx(0.5 / deviation));
  CHECK(*find(measure(Mae()), "mae/y") == Approx(0.25));
  CHECK(*find(measure(MaxError()), "max_error/y") == Approx(1));
  CHECK(*find(measure(R2()), "r2/y") == Approx(1 - 1 / 38.75));
  CHECK(*find(measure(LogLikelihood()), "log_likelihood/y") ==
        Approx(-0.5 * std::log(2 * std::numbers::pi * 0.25) - 0.5 * 0.25 / 0.25));
  CHECK(*find(measure(Coverage()), "coverage/y") == Approx(0.75));
  CHECK(*find(measure(Coverage({.level = 0.96})), "coverage/y") == Approx(1));
}

TEST_CASE("precision, recall and F1 are of the same class", "[metrics]") {
  // Guesses 1, 1, 0, 1; truth 1, 0, 1, 1.
  CHECK(*find(measure(Accuracy()), "accuracy") == Approx(0.5));
  const Measurements one = measure(ClassificationReport());
  CHECK(*find(one, "precision") == Approx(2.0 / 3));
  CHECK(*find(one, "recall") == Approx(2.0 / 3));
  CHECK(*find(one, "f1") == Approx(2.0 / 3));
  const Measurements zero = measure(ClassificationReport({.positive = 0}));
  CHECK(*find(zero, "precision") == 0);
  CHECK(*find(zero, "recall") == 0);
}

TEST_CASE("stop criteria fire when they say", "[metrics]") {
  std::vector<MetricRecord> records;
  const auto context = [&](std::int64_t round, std::int64_t labels, double seconds) {
    return StopContext{.round = round, .counts = {.labels = labels}, .seconds = seconds, .records = records};
  };
  CHECK_FALSE(MaxRounds({.rounds = 2}).should_stop(context(2, 0, 0)));
  CHECK(MaxRounds({.rounds = 2}).should_stop(context(3, 0, 0)));
  CHECK(LabelBudget({.labels = 5}).should_stop(context(1, 5, 0)));
  CHECK(WallTime({.seconds = 5}).should_stop(context(1, 0, 6)));
  CHECK_FALSE(TargetMetric({.below = 1}).should_stop(context(1, 0, 0)));
  for (const double value : {3.0, 2.0, 2.0, 2.5}) records.push_back({1, 1, {{"rmse", value}}});
  CHECK(TargetMetric({.below = 2.5}).should_stop(context(1, 0, 0)));
  CHECK_FALSE(TargetMetric({.above = 3}).should_stop(context(1, 0, 0)));
  CHECK(Plateau({.patience = 2}).should_stop(context(1, 0, 0)));
  CHECK_FALSE(Plateau({.patience = 3}).should_stop(context(1, 0, 0)));
}
