// SPDX-License-Identifier: Apache-2.0
// Errors that campaigns tell of without a test pool.
#include "../src/driver/estimates.hpp"
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/generator_scope.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random_share.hpp>
#include <assay/stop/stop.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>
#include <assay/tools/status.hpp>

#include <map>
#include <set>

using namespace assay;

namespace {

assay::detail::ErrorSum sum_of(const std::vector<double>& squared_errors) {
  assay::detail::ErrorSum sum;
  for (const double error : squared_errors) sum.add({.count = 1, .mean = error});
  return sum;
}

auto shared_campaign(DriverOptions options, double share) {
  return Driver(std::move(options), {.labeled = toy::labeled(16), .unlabeled = sobol(toy::space(), 400, {.skip = 16})},
                toy::ensemble(), RandomShare({.strategy = MaxVariance({.max_samples = 10}), .share = share}),
                toy::label(), Rmse(), toy::loop());
}

}  // namespace

TEST_CASE("squared errors are summed in any parts", "[estimates]") {
  const assay::detail::ErrorSum whole = sum_of({1, 4, 9, 16, 30, 2});
  CHECK(whole.count == 6);
  CHECK(whole.mean == Approx(62.0 / 6));
  CHECK(whole.squares == Approx(1258 - 62.0 * 62 / 6));
  assay::detail::ErrorSum parts = sum_of({1, 4});
  parts.add(sum_of({9, 16, 30, 2}));
  parts.add({});
  CHECK(parts.count == whole.count);
  CHECK(parts.mean == Approx(whole.mean));
  CHECK(parts.squares == Approx(whole.squares));
  CHECK_FALSE(assay::detail::interval_of(sum_of({1, 2, 3, 4})));
  CHECK_FALSE(assay::detail::interval_of(sum_of({0, 0, 0, 0, 0})));
}

TEST_CASE("the interval of an error holds it in 95 of 100 cases", "[estimates]") {
  // Standard normal errors: the mean square is 1.
  auto generator = assay::detail::make_generator(7);
  for (const std::int64_t errors : {5, 20, 60}) {
    constexpr std::int64_t trials = 2000;
    const torch::Tensor squares = torch::empty({trials, errors}, torch::kFloat64).normal_(0, 1, generator).square();
    int held = 0;
    for (std::int64_t trial = 0; trial < trials; ++trial) {
      const double* row = squares.const_data_ptr<double>() + trial * errors;
      const auto interval = *assay::detail::interval_of(sum_of({row, row + errors}));
      CHECK(interval.low < interval.rmse);
      held += interval.low <= 1 && 1 <= interval.high;
    }
    INFO(errors << " errors: " << held << " of " << trials);
    CHECK(held >= 0.94 * trials);
    CHECK(held <= 0.98 * trials);
  }
}

TEST_CASE("the interval of an error is that of the chi-square tables", "[estimates][survivors]") {
  // Six errors that scatter less than normal ones would: six degrees of freedom, quantiles 1.237 and 14.449.
  const auto six = *assay::detail::interval_of(sum_of({1, 4, 9, 16, 30, 2}));
  CHECK(six.rmse == Approx(3.21455));
  CHECK(six.low == Approx(std::sqrt(62 / 14.449)).epsilon(0.005));
  CHECK(six.high == Approx(std::sqrt(62 / 1.237)).epsilon(0.02));
  // Ten of which one is so large that their mean square, 2.72075, is as uncertain as one over five: quantiles 0.831 and
  // 12.833. The largest was solved for by hand.
  const auto ten = *assay::detail::interval_of(sum_of({1, 1, 1, 1, 1, 1, 1, 1, 1, 18.2075}));
  CHECK(ten.low == Approx(std::sqrt(5 * 2.72075 / 12.833)).epsilon(0.005));
  CHECK(ten.high == Approx(std::sqrt(5 * 2.72075 / 0.831)).epsilon(0.025));
}

TEST_CASE("an error of few samples takes those of the rounds before to it, one of enough does not",
          "[estimates][survivors]") {
  const auto measure = [](std::int64_t batch) {
    const toy::Folder folder;
    Driver driver(toy::options(folder / "c"),
                  {.labeled = toy::labeled(16), .unlabeled = sobol(toy::space(), 400, {.skip = 16})}, toy::ensemble(),
                  RandomShare({.strategy = MaxVariance({.max_samples = batch}), .share = 0.5}), toy::label(), Rmse(),
                  toy::loop());
    driver.run();
    std::vector<std::pair<double, double>> found;  // of each round: mean square, and the error that is told
    for (const MetricRecord& record : driver.records()) {
      if (const double* mean = find(record.measurements, "random_share_mean_square"))
        found.emplace_back(*mean, *find(record.measurements, "random_share_rmse"));
    }
    return found;
  };
  const auto few = measure(10);
  REQUIRE(few.size() == 3);
  CHECK(few[2].second == Approx(std::sqrt((few[0].first + few[1].first + few[2].first) / 3)));
  const auto enough = measure(40);
  REQUIRE(enough.size() == 3);
  CHECK(enough[2].second == Approx(std::sqrt(enough[2].first)));
}

TEST_CASE("a random share takes the place of the last picks, each candidate as likely as any other", "[estimates]") {
  const TensorPool pool(sobol(toy::space(), 20), 100), labeled(toy::labeled(4));
  std::vector<int> drawn(20);
  std::map<std::size_t, int> sizes;
  AnyLearner learner = toy::mlp();
  constexpr int trials = 2000;
  for (int seed = 0; seed < trials; ++seed) {
    const QueryInputs inputs{.unlabeled = PoolView(pool, pool.ids()),
                             .labeled = PoolView(labeled, labeled.ids()),
                             .learner = LearnerView(LearnerRef(learner)),
                             .round = 1,
                             .random = RandomKey(static_cast<std::uint64_t>(seed))};
    RandomShare query({.strategy = Random({.max_samples = 6}), .share = 0.4});
    const Selection selection = query.select(QueryContext(inputs));
    REQUIRE(selection.positions.size() == 6);
    CHECK(std::set<std::int64_t>(selection.positions.begin(), selection.positions.end()).size() == 6);
    std::size_t uniform = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      if (selection.strategies[i] != "random_share") continue;
      ++uniform;
      ++drawn[static_cast<std::size_t>(selection.positions[i])];
    }
    ++sizes[uniform];
  }
  // 2.4 draws: two or three, 2.4 on average; each candidate in 240 of the 2,000 trials, with a deviation of 14.5.
  CHECK(sizes.size() == 2);
  CHECK(std::abs(sizes[3] - 0.4 * trials) < 100);
  for (const int times : drawn) CHECK(std::abs(times - 240) < 65);
}

TEST_CASE("a random share gives an error with its interval, and leaves what was chosen alone", "[estimates]") {
  const toy::Folder folder;
  auto driver = shared_campaign(toy::options(folder / "c"), 0.5);
  driver.run();
  const Ledger ledger = Ledger::open_read_only(folder / "c" / "ledger.sqlite", folder / "c" / "labels" / "objects");
  std::map<std::string, int> by;
  for (const LedgerEntry& entry : ledger.entries()) ++by[entry.strategy];
  CHECK(by == std::map<std::string, int>{{"random_share", 15}, {"variance", 15}});
  int intervals = 0;
  for (const MetricRecord& record : driver.records()) {
    const double* error = find(record.measurements, "random_share_rmse");
    if (!error) continue;
    ++intervals;
    CHECK(*find(record.measurements, "random_share_samples") == 5);
    CHECK(*find(record.measurements, "random_share_rmse_low") < *error);
    CHECK(*find(record.measurements, "random_share_rmse_high") > *error);
    CHECK(find(record.measurements, "prequential_rmse"));
  }
  CHECK(intervals == 3);
}

TEST_CASE("a campaign stops on the error of its random share, and refuses to wait for one it has not", "[estimates]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.stop = {TargetMetric({.metric = "random_share_rmse_high", .below = 1e9})};
  auto driver = shared_campaign(options, 0.5);
  driver.run();
  CHECK(driver.round() == 2);
  CHECK_THAT(driver.report().at("finished_by").get<std::string>(), Contains("random_share_rmse_high"));
  options.dir = folder / "d";
  CHECK_THROWS_WITH(toy::driver(options), Contains("random_share_rmse_high") && Contains("'variance'"));
}
TEST_CASE("an infeasible design is no failure, is not tried again, and is remembered", "[estimates]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 1;
  {
    Driver driver(options, toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}),
                  ExternalLabel({.provides = {"y"}}), NoMetrology(), toy::loop());
    REQUIRE(driver.advance() == RunStatus::waiting);
    const std::vector<Sample> samples = driver.ask(4);
    CHECK(driver.tell(samples[0].id, infeasible("the hole is wider than the plate")));
    CHECK(driver.tell(samples[0].id, infeasible("the hole is wider than the plate")));
    CHECK_THROWS_WITH(driver.tell(samples[0].id, failed("the hole is wider than the plate")),
                      Contains("assay.label.told"));
    driver.tell(samples[1].id, failed("no licence"));
    for (const std::size_t i : {2, 3}) driver.tell(samples[i].id, done(toy::solve(samples[i].values)));
    CHECK(driver.advance() == RunStatus::finished);
    CHECK(driver.counts().infeasible == 1);
    CHECK(driver.counts().failed == 1);
    CHECK(driver.counts().simulations == 4);
    CHECK(driver.report().at("infeasible") == 1);
  }
  CHECK(campaign_status(folder / "c")["counts"]["infeasible"] == 1);
  std::filesystem::remove(folder / "c" / "ledger.sqlite");
  CHECK(repair_campaign(folder / "c").problems.empty());
  CHECK(campaign_status(folder / "c")["counts"]["infeasible"] == 1);
  CHECK(retry_samples(folder / "c", std::nullopt) == 1);  // the one that failed
}
