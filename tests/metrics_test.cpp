// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
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

/// Two classes at once: c is 1 where a > 0, d where a > 2.
struct TwoClasses : Fixed {
  std::vector<std::string> targets() const { return {"c", "d"}; }
  Values predict(const Values& x) const {
    return {{"c", (x["a"] > 0).to(torch::kFloat64)}, {"d", (x["a"] > 2).to(torch::kFloat64)}};
  }
};

/// A view that lets its learner be changed.
template <class View>
concept HandsOutItsLearner = requires(const View& view) { view.learner(); };
static_assert(!HandsOutItsLearner<LearnerView>);

template <class Metric>
Measurements measure_fixed(const Metric& metric) {
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
  CHECK(*find(measure_fixed(Rmse()), "rmse/y") == Approx(0.5));
  CHECK(*find(measure_fixed(Rmse()), "rmse") == Approx(0.5 / deviation));
  CHECK(*find(measure_fixed(Mae()), "mae/y") == Approx(0.25));
  CHECK(*find(measure_fixed(MaxError()), "max_error/y") == Approx(1));
  CHECK(*find(measure_fixed(R2()), "r2/y") == Approx(1 - 1 / 38.75));
  CHECK(*find(measure_fixed(LogLikelihood()), "log_likelihood/y") ==
        Approx(-0.5 * std::log(2 * std::numbers::pi * 0.25) - 0.5 * 0.25 / 0.25));
  // Standardised, the variance 1/4 is 4/155 and the squared errors are 0, 16/155, 0, 0, each over it 0, 4, 0, 0:
  // -½ (ln 2π + ln 4/155 + 1) = -½ (1.8378771 - 3.6571308 + 1).
  CHECK(*find(measure_fixed(LogLikelihood()), "log_likelihood") == Approx(0.40962684469500));
  CHECK(*find(measure_fixed(Coverage()), "coverage/y") == Approx(0.75));
  CHECK(*find(measure_fixed(Coverage({.level = 0.96})), "coverage/y") == Approx(1));
}

namespace {

/// Answers from columns of the pool itself: targets y and z are predicted as py and pz, with variances vy and vz.
struct Columns : Fixed {
  std::vector<std::string> inputs() const { return {"py", "pz", "vy", "vz"}; }
  std::vector<std::string> targets() const { return {"y", "z"}; }
  Values predict(const Values& x) const { return {{"y", x["py"]}, {"z", x["pz"]}}; }
  Values variance(const Values& x) const { return {{"y", x["vy"]}, {"z", x["vz"]}}; }
};

template <class Metric>
Measurements measure_columns(const Metric& metric, const Values& columns) {
  Columns learner;
  const TensorPool pool(columns);
  const MetrologyInputs inputs{
      .evaluation = PoolView(pool, pool.ids()), .labeled = {}, .learner = LearnerView(LearnerRef(learner))};
  return metric.measure(MetrologyContextWith<Variance>(inputs));
}

}  // namespace

TEST_CASE("overall figures of two differently scaled targets count both alike", "[metrics]") {
  // y deviates by 1000 and misses by 500, 500, 0, 0; z deviates by 0.01 and misses by 0.01 in one of four. The logs of
  // the two deviations do not cancel.
  const Values columns{{"y", std::vector<double>{1000, -1000, 1000, -1000}},
                       {"py", std::vector<double>{1500, -1500, 1000, -1000}},
                       {"vy", std::vector<double>(4, 250'000)},
                       {"z", std::vector<double>{0.01, -0.01, 0.01, -0.01}},
                       {"pz", std::vector<double>{0.01, -0.01, 0.01, -0.02}},
                       {"vz", std::vector<double>(4, 4e-4)}};
  // Standardised errors: 0.5, 0.5, 0, 0 and 0, 0, 0, 1.
  CHECK(*find(measure_columns(Rmse(), columns), "rmse") == Approx(std::sqrt(1.5 / 8)));
  CHECK(*find(measure_columns(Rmse(), columns), "rmse/z") == Approx(0.005));
  CHECK(*find(measure_columns(Mae(), columns), "mae") == Approx(0.25));
  CHECK(*find(measure_columns(MaxError(), columns), "max_error") == Approx(1));
  CHECK(*find(measure_columns(MaxError(), columns), "max_error/y") == Approx(500));
  CHECK(*find(measure_columns(R2(), columns), "r2") == Approx((0.875 + 0.75) / 2));
  // Variances are 0.25 and 4 in standardised units: log densities -½ (ln 2π + ln v + e²/v), of which the terms
  // ln v are ± 2 ln 2 and cancel, and e²/v sum to 1 + 1 and 0.25 over the eight: -½ (1.8378771 + 0.28125).
  const Measurements likelihood = measure_columns(LogLikelihood(), columns);
  CHECK(*find(likelihood, "log_likelihood") == Approx(-1.05956353320467));
  // In y's own unit the density is a thousand times lower: ln 1000 less. In z's it is a hundred times higher.
  CHECK(*find(likelihood, "log_likelihood/y") ==
        Approx(-0.5 * (1.8378770664093453 - 2 * 0.6931471805599453 + 0.5) - 6.907755278982137));
  CHECK(*find(likelihood, "log_likelihood/z") ==
        Approx(-0.5 * (1.8378770664093453 + 2 * 0.6931471805599453 + 0.0625) + 4.605170185988092));
  CHECK(*find(measure_columns(Coverage({.level = 0.5}), columns), "coverage/y") == Approx(0.5));
  CHECK(*find(measure_columns(Coverage({.level = 0.5}), columns), "coverage") == Approx(0.75));
}

TEST_CASE("a target that is constant but for roundings is measured in its own unit", "[metrics]") {
  // The mean of ten times 0.1 is not 0.1: the deviation is 1e-17, which is no unit for an error.
  Values columns;
  for (const char* name : {"y", "py", "vy", "z", "pz", "vz"}) {
    columns.set(name, torch::full({10}, 0.1, torch::kFloat64));
  }
  columns.set("py", columns["y"] + 0.5);
  columns.set("z", torch::arange(10, torch::kFloat64));
  columns.set("pz", columns["z"]);
  CHECK(*find(measure_columns(Rmse(), columns), "rmse") == Approx(std::sqrt(0.25 / 2)));
  CHECK(*find(measure_columns(R2(), columns), "r2") == Approx(1));  // of z alone
  CHECK(find(measure_columns(R2(), columns), "r2/y") == nullptr);
  CHECK(*find(measure_columns(LogLikelihood(), columns), "log_likelihood/y") ==
        Approx(-0.5 * (std::log(2 * std::numbers::pi * 0.1) + 2.5)));
}

TEST_CASE("precision, recall and F1 are of the same class", "[metrics]") {
  // Guesses 1, 1, 0, 1; truth 1, 0, 1, 1.
  CHECK(*find(measure_fixed(Accuracy()), "accuracy") == Approx(0.5));
  const Measurements one = measure_fixed(ClassificationReport());
  CHECK(*find(one, "precision") == Approx(2.0 / 3));
  CHECK(*find(one, "recall") == Approx(2.0 / 3));
  CHECK(*find(one, "f1") == Approx(2.0 / 3));
  const Measurements zero = measure_fixed(ClassificationReport({.positive = 0}));
  CHECK(*find(zero, "precision") == 0);
  CHECK(*find(zero, "recall") == 0);
}

TEST_CASE("the classification report is of each target, and of all in one table", "[metrics]") {
  TwoClasses learner;
  const TensorPool pool(Values{{"a", std::vector<double>{1, 2, -1, 3}},
                               {"c", torch::tensor({1, 0, 1, 1})},    // guesses 1, 1, 0, 1
                               {"d", torch::tensor({0, 1, 1, 1})}});  // guesses 0, 0, 0, 1
  const MetrologyInputs inputs{
      .evaluation = PoolView(pool, pool.ids()), .labeled = {}, .learner = LearnerView(LearnerRef(learner))};
  const Measurements all = ClassificationReport().measure(MetrologyContext(inputs));
  CHECK(all.size() == 9);
  CHECK(all.front().name == "precision");
  CHECK(*find(all, "precision/c") == Approx(2.0 / 3));
  CHECK(*find(all, "recall/c") == Approx(2.0 / 3));
  CHECK(*find(all, "precision/d") == Approx(1));
  CHECK(*find(all, "recall/d") == Approx(1.0 / 3));
  CHECK(*find(all, "f1/d") == Approx(0.5));
  CHECK(*find(all, "precision") == Approx(3.0 / 4));
  CHECK(*find(all, "recall") == Approx(3.0 / 6));
  CHECK(*find(all, "f1") == Approx(6.0 / 10));
}

TEST_CASE("a view of a learner predicts points that are in no pool", "[metrics]") {
  Fixed learner;
  const LearnerView view{LearnerRef(learner)};
  CHECK(view.predict(Values{{"a", std::vector<double>{1.5}}})["y"].item<double>() == 3);
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

TEST_CASE("a plateau is waited for since the best value, whichever way is up", "[metrics]") {
  const auto after = [](std::vector<double> values, PlateauOptions options) {
    std::vector<MetricRecord> records;
    for (const double value : values) records.push_back({1, 1, {{options.metric, value}}});
    return Plateau(options).should_stop({.round = 1, .counts = {}, .records = records}).has_value();
  };
  CHECK_FALSE(after({0.5, 0.6, 0.7}, {.metric = "r2", .patience = 2, .higher_is_better = true}));
  CHECK(after({0.7, 0.6, 0.7}, {.metric = "r2", .patience = 2, .higher_is_better = true}));
  CHECK(after({0.5, 0.6, 0.7}, {.metric = "rmse", .patience = 2}));
  // The wait begins anew with each improvement, and what improves by min_delta exactly does not.
  CHECK_FALSE(after({3, 3, 2, 2}, {.metric = "rmse", .patience = 2}));
  CHECK(after({3, 2.75, 2.5}, {.metric = "rmse", .patience = 2, .min_delta = 0.5}));
  CHECK_FALSE(after({3, 2.75, 2.25}, {.metric = "rmse", .patience = 2, .min_delta = 0.5}));
  // What counts is the best so far, not the value before.
  CHECK(after({1, 3, 2, 1.5}, {.metric = "rmse", .patience = 3}));
  CHECK_FALSE(after({}, {.metric = "rmse", .patience = 1}));
}

TEST_CASE("criteria hold at their bound exactly, and either bound of a target metric ends a campaign", "[metrics]") {
  std::vector<MetricRecord> records{{1, 1, {{"rmse", 5}}}, {2, 2, {{"rmse", 3}}}};
  const StopContext context{.round = 1, .counts = {.labels = 5}, .seconds = 6, .records = records};
  CHECK(LabelBudget({.labels = 5}).should_stop(context));
  CHECK_FALSE(LabelBudget({.labels = 6}).should_stop(context));
  CHECK(WallTime({.seconds = 6}).should_stop(context));
  CHECK_FALSE(WallTime({.seconds = 6.5}).should_stop(context));
  CHECK(TargetMetric({.metric = "rmse", .below = 3}).should_stop(context));
  CHECK_FALSE(TargetMetric({.metric = "rmse", .below = 2.9}).should_stop(context));
  CHECK(TargetMetric({.metric = "rmse", .above = 3}).should_stop(context));
  CHECK_FALSE(TargetMetric({.metric = "rmse", .below = 1, .above = 4}).should_stop(context));  // 5 is past
  CHECK(TargetMetric({.metric = "rmse", .below = 1, .above = 2}).should_stop(context));
}

TEST_CASE("a target metric needs a bound, and a misspelt metric is an error that names those measured", "[metrics]") {
  CHECK_THROWS_WITH(TargetMetric({.metric = "rmse"}), Contains("assay.config.required") && Contains("'below'"));
  const Registries registries;
  CHECK_THROWS_AS(registries.stop.make({{"type", "target_metric"}}, registries), ConfigError);

  std::vector<MetricRecord> records;
  const StopContext context{.round = 1, .counts = {}, .records = records};
  const TargetMetric target({.metric = "rsme", .below = 1});
  const Plateau plateau({.metric = "rsme"});
  CHECK_FALSE(target.should_stop(context));  // nothing is measured yet: nothing to say
  records.push_back({1, 16, {{"rmse", 3}, {"rmse/y", 2}}});
  for (const auto& ask :
       {std::function([&] { target.should_stop(context); }), std::function([&] { plateau.should_stop(context); })}) {
    CHECK_THROWS_WITH(
        ask(), Contains("assay.stop.metric") && Contains("did you mean 'rmse'?") && Contains("known: rmse, rmse/y"));
  }
  // The driver's own figure begins with the first labels.
  CHECK_FALSE(Plateau({.metric = "prequential_rmse"}).should_stop(context));
  records = {{1, 16, {{"prequential_rmse", 0.4}}}};
  CHECK_THROWS_WITH(Plateau({}).should_stop(context), Contains("need a test or a validation pool"));
}

TEST_CASE("a campaign whose metrics have nothing to measure on says so once", "[metrics]") {
  const toy::Folder folder;
  Pools pools = toy::pools();
  pools.test = {};
  Driver(toy::options(folder / "c"), std::move(pools), toy::mlp(), Random({.max_samples = 2}), toy::label(),
         Metrics(Rmse()), toy::loop())
      .run();
  const std::string log = assay::detail::read_file(folder / "c" / "log.jsonl"), said = "nothing to measure on";
  const std::size_t found = log.find(said);
  REQUIRE(found != std::string::npos);
  CHECK(log.find(said, found + 1) == std::string::npos);
}
