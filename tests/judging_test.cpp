// SPDX-License-Identifier: Apache-2.0
// What labels have to be: judged when they come, by what earlier processes were told, and by the learner's options.
#include "../src/driver/outliers.hpp"
#include "support/catch.hpp"
#include "support/toy.hpp"
#include "support/warnings.hpp"

#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/target_rule.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random.hpp>
#include <assay/tools/labels.hpp>
#include <assay/transform/log_transform.hpp>

#include <map>

using namespace assay;

namespace {

/// A campaign that is asked and told, opened anew by every call.
template <class Learner>
auto judged_campaign(const std::filesystem::path& dir, Learner learner, Pools pools = toy::unlabeled_pools(8),
                     std::vector<AnyObserver> observers = {}) {
  DriverOptions options{.dir = dir, .max_rounds = 1, .seed = 5, .resume = Resume::if_present};
  options.observers = std::move(observers);
  return Driver(std::move(options), std::move(pools), std::move(learner), Random({.max_samples = 2}),
                ExternalLabel({.provides = {"y"}}), NoMetrology(), toy::loop(2));
}

Ledger writable_ledger(const std::filesystem::path& dir) {
  return Ledger::open(dir / "ledger.sqlite", dir / "labels" / "objects");
}

std::string last_reason(const std::filesystem::path& dir, SampleId id) {
  return Ledger::open_read_only(dir / "ledger.sqlite", dir / "labels" / "objects").attempts(id).back().reason;
}

Values vector_of_two() { return {{"y", std::vector<double>{1, 2}}}; }

/// A campaign of two initial samples whose labels have different shapes, as versions let happen that forgot between
/// processes what labels look like. \param folded_in whether the ledger calls them integrated.
void make_mixed(const std::filesystem::path& dir, bool folded_in) {
  std::vector<Sample> out;
  {
    auto driver = judged_campaign(dir, toy::mlp(), toy::unlabeled_pools(2));
    REQUIRE(driver.advance() == RunStatus::waiting);
    out = driver.ask(2, Asked::until_told);
    REQUIRE(out.size() == 2);
    CHECK(driver.tell(out[0].id, done({{"y", 1.0}})));
  }
  Ledger ledger = writable_ledger(dir);
  ledger.complete(out[1].id, 1, vector_of_two(), 1);
  if (folded_in) ledger.integrate(0, std::vector<SampleId>{out[0].id, out[1].id});
}

}  // namespace

TEST_CASE("a label of another shape is refused in a later process too", "[driver][judging][f1]") {
  const toy::Folder folder;
  std::vector<Sample> out;
  {
    auto driver = judged_campaign(folder / "c", toy::mlp());
    REQUIRE(driver.advance() == RunStatus::waiting);
    CHECK(driver.target_schema().empty());
    out = driver.ask(8, Asked::until_told);
    CHECK(driver.tell(out[0].id, done({{"y", 1.0}})));
  }
  {
    auto driver = judged_campaign(folder / "c", toy::mlp());
    REQUIRE(driver.target_schema().size() == 1);
    CHECK(driver.target_schema().front().shape.empty());
    CHECK_FALSE(driver.tell(out[1].id, done(vector_of_two())));
    CHECK_FALSE(driver.tell(out[2].id, done({{"y", torch::ones({1, 1}, torch::kFloat64)}})));
    // Another dtype is no other label where it says the same.
    CHECK(driver.tell(out[3].id, done({{"y", torch::scalar_tensor(3, torch::kInt64)}})));
    CHECK(driver.tell(out[4].id, done({{"y", torch::scalar_tensor(0.1, torch::kFloat32)}})));
    for (const std::size_t i : {5, 6, 7}) CHECK(driver.tell(out[i].id, done(toy::solve(out[i].values))));
    CHECK(driver.advance() == RunStatus::waiting);
    CHECK(driver.labeled().size() == 6);
    CHECK(driver.labeled().column("y").scalar_type() == torch::kFloat64);
  }
  CHECK_THAT(last_reason(folder / "c", out[1].id), Contains("Double []") && Contains("Double [2]"));
}

TEST_CASE("a campaign that was stopped in its first labeling refuses labels of another shape when it goes on",
          "[driver][judging][f1]") {
  const toy::Folder folder;
  const auto run = [&](int first, bool as_vector) {
    std::atomic<bool> stop{false};
    int calls = first;
    DriverOptions options{.dir = folder / "c", .max_rounds = 0, .seed = 5, .resume = Resume::if_present};
    Driver driver(options, toy::unlabeled_pools(4), toy::mlp(), Random(),
                  FunctionLabel({.provides = {"y"}, .function = "solve"},
                                [&](const Values& x) {
                                  if (++calls == 2) stop = true;
                                  return as_vector && calls == 3 ? vector_of_two() : toy::solve(x);
                                }),
                  NoMetrology(), toy::loop(2));
    driver.stop_when(stop);
    const RunStatus status = driver.run();
    return std::pair(status, driver.counts());
  };
  CHECK(run(0, false).first == RunStatus::stopped);
  const auto [status, counts] = run(2, true);
  CHECK(status == RunStatus::finished);
  CHECK(counts.labels == 3);
  CHECK(counts.failed == 1);
}

TEST_CASE("a campaign that holds labels of different shapes goes on without those of the fewer",
          "[driver][judging][f1]") {
  const bool folded_in = GENERATE(false, true);
  const toy::Folder folder;
  make_mixed(folder / "c", folded_in);
  // What was paid for can be got out.
  const LabelTable before = label_table(folder / "c");
  CHECK(before.columns.numbers("y") == std::vector<double>{1});
  CHECK(before.purpose.size() == 1);
  REQUIRE(before.left_out.size() == 1);
  CHECK_THAT(before.left_out[0], Contains("sample 1:") && Contains("y (Double [2]) 1.0 2.0") && !Contains("rank"));
  {
    auto driver = judged_campaign(folder / "c", toy::mlp(), toy::unlabeled_pools(2));
    CHECK(driver.advance() == RunStatus::waiting);
    CHECK(driver.labeled().size() == 1);
  }
  {
    std::vector<std::string> warnings;
    auto driver = judged_campaign(folder / "c", toy::mlp(), toy::unlabeled_pools(2), {Warnings{&warnings}});
    CHECK(driver.labeled().size() == 1);
    CHECK(warnings.size() == (folded_in ? 1 : 0));
    for (const Sample& sample : driver.ask(2)) CHECK(driver.tell(sample.id, done(toy::solve(sample.values))));
    CHECK(driver.advance() == RunStatus::finished);
    CHECK(driver.labeled().size() == 3);
  }
  if (folded_in) return;
  CHECK_THAT(last_reason(folder / "c", 1), Contains("label refused"));
  CHECK(abandon_samples(folder / "c", {1}) == 1);
}

TEST_CASE("class ids that are none are refused when they are told", "[driver][judging][f4]") {
  const toy::Folder folder;
  const auto learner = [] { return Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {4}, .classes = 2}); };
  auto driver = judged_campaign(folder / "c", learner());
  REQUIRE(driver.advance() == RunStatus::waiting);
  const std::vector<Sample> out = driver.ask(8);
  const std::vector<double> told{0, 1, 2, 0.4, 1.4, -1, 1, 0};
  std::vector<bool> taken;
  for (std::size_t i = 0; i < out.size(); ++i) taken.push_back(driver.tell(out[i].id, done({{"y", told[i]}})));
  CHECK(taken == std::vector<bool>{true, true, false, false, false, false, true, true});
  CHECK(driver.advance() == RunStatus::waiting);
  CHECK(driver.labeled().size() == 4);
  CHECK_THAT(last_reason(folder / "c", out[3].id),
             Contains("assay.label.class") && Contains("[0, 2)") && Contains("0.4"));
  // In a pool they are an error: nobody would look at them again.
  Values pool = toy::labeled(8);
  pool["y"].fill_(1);
  pool["y"][3] = 0.5;
  CHECK_THROWS_WITH(judged_campaign(folder / "d", learner(), {.labeled = pool, .unlabeled = sobol(toy::space(), 8)}),
                    Contains("labeled pool") && Contains("assay.label.class"));
  auto alone = learner();
  alone.fit_scaling(pool, false);
  CHECK_THROWS_WITH(alone.pack(pool, {}), Contains("assay.label.class"));
}

TEST_CASE("a number that a logarithm has no value for is refused when it is told", "[driver][judging][f4]") {
  const toy::Folder folder;
  const auto told = [&](const std::string& name, double floor) {
    auto driver = judged_campaign(folder / name, Transformed(toy::mlp(), {{"y", LogTransform({.floor = floor})}}));
    REQUIRE(driver.advance() == RunStatus::waiting);
    std::vector<bool> taken;
    double next = -1;
    for (const Sample& sample : driver.ask(8)) taken.push_back(driver.tell(sample.id, done({{"y", next++}})));
    CHECK(driver.advance() == RunStatus::waiting);
    return taken;
  };
  CHECK(told("bare", 0) == std::vector<bool>{false, false, true, true, true, true, true, true});
  CHECK(told("floor", 0.01) == std::vector<bool>(8, true));
  CHECK_THAT(last_reason(folder / "bare", 1),
             Contains("assay.label.domain") && Contains("above 0") && Contains("floor"));
}

TEST_CASE("what a learner can learn follows from its options alone", "[learner][judging][f4]") {
  CHECK((AnyLearner(toy::mlp()).target_rules() == std::vector<TargetRule>{{.target = "y"}}));
  CHECK(AnyLearner(GaussianProcess({.inputs = {"a"}, .targets = {"u", "v"}})).target_rules().size() == 2);
  CHECK((AnyLearner(Ensemble({.inputs = {"a"}, .targets = {"y"}, .classes = 3})).target_rules() ==
         std::vector<TargetRule>{{.target = "y", .classes = 3}}));
  const AnyLearner logs = Transformed(Mlp({.inputs = {"a"}, .targets = {"u", "v"}}), {{"v", LogTransform()}});
  CHECK((logs.target_rules() == std::vector<TargetRule>{{.target = "u"}, {.target = "v", .classes = 0, .above = 0.0}}));
  const std::vector<TargetRule> none;
  CHECK_NOTHROW(require_learnable({{"y", 1e150}}, none, "here"));
  CHECK_THROWS_WITH(require_learnable({{"y", -1e200}}, none, "here"),
                    Contains("here, 'y'") && Contains("assay.label.range"));
  CHECK_THROWS_WITH(require_learnable({{"y", std::vector<double>{1, 2e150}}}, none, ""), Contains("2e+150"));
}

TEST_CASE("numbers whose squares no double holds are refused, and largest ones are learned without overflow",
          "[driver][judging][f4]") {
  const toy::Folder folder;
  auto driver = judged_campaign(folder / "c", toy::ensemble());
  REQUIRE(driver.advance() == RunStatus::waiting);
  const std::vector<Sample> out = driver.ask(8);
  CHECK_FALSE(driver.tell(out[0].id, done({{"y", 1e200}})));
  CHECK_FALSE(driver.tell(out[1].id, done({{"y", -1e151}})));
  CHECK(driver.tell(out[2].id, done({{"y", 1e150}})));
  for (std::size_t i = 3; i < 8; ++i) CHECK(driver.tell(out[i].id, done(toy::solve(out[i].values))));
  CHECK(driver.advance() == RunStatus::waiting);
  const Values inputs = sobol(toy::space(), 16);
  CHECK(all_finite(driver.learner().predict(inputs)));
  CHECK(all_finite(driver.learner().variance(inputs)));
}

TEST_CASE("standardisation is finite for all finite numbers", "[learner][judging][f4]") {
  for (const double size : {1e-300, 1e-160, 1.0, 1e160, 1e300}) {
    INFO(size);
    const torch::Tensor data = torch::tensor({1.0, 2.0, 4.0, -3.0}, torch::kFloat64).unsqueeze(1) * size;
    const Standardizer scaler = Standardizer::fit(data);
    // Mean 1, deviation √6.5 by hand.
    CHECK(scaler.mean.item<double>() / size == Approx(1));
    CHECK(scaler.scale.item<double>() / size == Approx(std::sqrt(6.5)));
    CHECK(torch::allclose(scaler.invert(scaler.apply(data)) / size, data / size));
  }
  const Standardizer constant = Standardizer::fit(torch::full({3, 1}, 1e200, torch::kFloat64));
  CHECK(constant.scale.item<double>() == 1);
  CHECK(constant.mean.item<double>() == Approx(1e200));
}

TEST_CASE("numbers far from all others are found by median and distances to it", "[driver][judging][f4]") {
  using assay::detail::usual_numbers;
  const auto usual = usual_numbers({1, 2, 3, 4, 5, 6, 7, 8, 1e30});
  REQUIRE(usual);
  CHECK(usual->median == 5);
  CHECK(usual->spread == Approx(1.4826 * 2));
  CHECK_FALSE(usual_numbers({1, 2, 3, 4, 5, 6, 7}));        // too few
  CHECK_FALSE(usual_numbers({0, 0, 0, 0, 0, 0, 1, 2, 3}));  // mostly zeros
  CHECK(usual_numbers({7, 7, 7, 7, 7, 7, 7, 1e30})->spread == 7);
}

TEST_CASE("a solver's fill value among labels is warned of, and learned from unless it is taken back",
          "[driver][judging][f4]") {
  const toy::Folder folder;
  const double fill = GENERATE(1e30, -99999.0, 1e9);
  std::vector<std::string> warnings;
  auto driver = judged_campaign(folder / "c", toy::mlp(), toy::unlabeled_pools(8), {Warnings{&warnings}});
  REQUIRE(driver.advance() == RunStatus::waiting);
  const std::vector<Sample> out = driver.ask(8);
  for (const Sample& sample : out)
    CHECK(driver.tell(sample.id, done(&sample == &out[3] ? Values{{"y", fill}} : toy::solve(sample.values))));
  CHECK(driver.advance() == RunStatus::waiting);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Contains("sample " + std::to_string(out[3].id) + ":") && Contains("fill value"));
  CHECK(driver.labeled().size() == 8);
  // In a later round beside the labels that are there.
  warnings.clear();
  const std::vector<Sample> next = driver.ask(2);
  CHECK(driver.tell(next[0].id, done({{"y", fill}})));
  CHECK(driver.tell(next[1].id, done(toy::solve(next[1].values))));
  CHECK(driver.advance() == RunStatus::finished);
  CHECK(warnings.size() == 1);
}
