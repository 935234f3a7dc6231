// SPDX-License-Identifier: Apache-2.0
// Labels that are taken back, and the versions of solvers that they carry.
#include "../src/label/solver_version.hpp"
#include "support/catch.hpp"
#include "support/look.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/error.hpp>
#include <assay/label/process_label.hpp>
#include <assay/metrology/no_metrology.hpp>
#include <assay/label/external_label.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>

#include <map>

using namespace assay;

namespace {

/// The toy's solver in a version that, as `shift` says, is wrong.
FunctionLabel versioned(std::string version, double shift = 0) {
  FunctionLabel label({.provides = {"y"}, .function = "solve"},
                      [shift](const Values& x) -> Values { return {{"y", toy::solve(x).scalar("y") + shift}}; });
  label.set_solver_version([version = std::move(version)] { return version; });
  return label;
}

}  // namespace

TEST_CASE("a label that is taken back is kept as withdrawn, and its sample computed anew", "[driver][withdraw]") {
  const toy::Folder folder;
  toy::driver(toy::options(folder / "c")).run();
  const SampleId id = look(folder / "c").picked(2, 2).front();
  const double before = look(folder / "c").labels(id).scalar("y");
  const WithdrawalReport report = withdraw_labels(folder / "c", {.ids = {id}, .reason = "wrong mesh"});
  CHECK(report.ids == std::vector<SampleId>{id});
  CHECK(report.folded_in == 1);
  {
    const Ledger ledger = look(folder / "c");
    CHECK(ledger.entry(id).state == SampleState::queued);
    const LedgerAttempt attempt = ledger.attempts(id).back();
    CHECK(attempt.outcome == "withdrawn");
    CHECK(attempt.reason == "wrong mesh");
    REQUIRE(attempt.refused);
    CHECK(attempt.refused->scalar("y") == before);
  }
  CHECK(check_campaign(folder / "c").problems.empty());
  toy::Driver driver = toy::driver(toy::going_on(folder / "c"));
  CHECK(driver.labeled().size() == 27);
  CHECK(driver.run() == RunStatus::finished);
  CHECK(driver.labeled().size() == 28);
  CHECK(driver.counts().simulations == 13);
  CHECK(driver.labeled().ids().back() == id);  // in a place of its own, behind the others
  // A round that was measured a second time has one record, with each metric once.
  std::map<std::pair<std::int64_t, std::string>, int> measured;
  for (const MetricRecord& record : driver.records()) {
    for (const Measurement& m : record.measurements) ++measured[{record.round, m.name}];
  }
  CHECK(measured.contains({3, "prequential_rmse"}));
  for (const auto& [name, times] : measured) CHECK(times == 1);
  CHECK(check_campaign(folder / "c").problems.empty());
}

TEST_CASE("the learner forgets what it learned from a label that was taken back", "[driver][withdraw]") {
  const toy::Folder folder;
  // The same campaign with and without a label of 1e6, which is taken back.
  std::map<std::string, Values> predictions;
  for (const bool bad : {false, true}) {
    const std::string name = bad ? "bad" : "good";
    int calls = 0;
    toy::driver(toy::options(folder / name), FunctionLabel({.provides = {"y"}, .function = "solve"},
                                                           [&](const Values& x) -> Values {
                                                             if (++calls == 12 && bad) return {{"y", 1e6}};
                                                             return toy::solve(x);
                                                           }))
        .run();
    const SampleId last = look(folder / name).integrated_in(3).back();
    withdraw_labels(folder / name, {.ids = {last}, .abandon = true});
    toy::Driver driver = toy::driver(toy::going_on(folder / name));
    CHECK_FALSE(driver.finished());
    CHECK(driver.run() == RunStatus::finished);
    CHECK(driver.labeled().size() == 27);
    predictions[name] = driver.learner().predict(sobol(toy::space(), 16));
  }
  CHECK(torch::equal(predictions["good"]["y"], predictions["bad"]["y"]));
}

TEST_CASE("a campaign whose only labels are taken back labels them anew first", "[driver][withdraw]") {
  const toy::Folder folder;
  const auto open = [&] {
    return Driver({.dir = folder / "c", .max_rounds = 1, .resume = Resume::if_present},
                  {.labeled = sobol(toy::space(), 2), .unlabeled = sobol(toy::space(), 9, {.skip = 50})}, toy::mlp(),
                  Random({.max_samples = 2}), ExternalLabel({.provides = {"y"}}), NoMetrology(), toy::loop(2));
  };
  std::vector<SampleId> ids;
  {
    auto driver = open();
    REQUIRE(driver.advance() == RunStatus::waiting);
    for (const Sample& sample : driver.ask(2)) {
      ids.push_back(sample.id);
      driver.tell(sample.id, done({{"y", -1.0}}));
    }
    driver.request_stop();
    CHECK(driver.advance() == RunStatus::stopped);
  }
  withdraw_labels(folder / "c", {.ids = ids});
  auto driver = open();
  REQUIRE(driver.advance() == RunStatus::waiting);
  CHECK(driver.round() == 0);
  const std::vector<Sample> again = driver.ask(9);
  REQUIRE(again.size() == 2);
  // A file that is told again does not bring the labels back that were taken back.
  CHECK(driver.tell_each(std::vector<Told>{{ids[0], done({{"y", -1.0}}), 1}}).front().kind == TellResult::Kind::known);
  for (const Sample& sample : again) CHECK(driver.tell(sample.id, done(toy::solve(sample.values))));
  REQUIRE(driver.advance() == RunStatus::waiting);
  CHECK(driver.labeled().size() == 2);
}

TEST_CASE("a file that is told again does not bring back the label that was taken back", "[driver][withdraw]") {
  const toy::Folder folder;
  const auto open = [&] {
    return Driver(toy::going_on(folder / "c"), toy::pools(), toy::ensemble(), Random({.max_samples = 4}),
                  ExternalLabel({.provides = {"y"}}), NoMetrology(), toy::loop());
  };
  SampleId id = -1;
  Values wrong;
  {
    auto driver = open();
    driver.advance();
    const Sample sample = driver.ask(1, Asked::until_told).front();
    id = sample.id;
    wrong = toy::solve(sample.values);
    driver.tell(id, done(wrong));
  }
  withdraw_labels(folder / "c", {.ids = {id}, .reason = "wrong mesh"});
  auto driver = open();
  REQUIRE(driver.ask(1, Asked::until_told).front().id == id);
  CHECK_THROWS_WITH(driver.tell(id, done(wrong)),
                    Contains("assay.label.withdrawn") && Contains("wrong mesh") && Contains("attempt: 2"));
  // Of the attempt before: nothing new. Computed anew, to the same: good.
  const Told old{.id = id, .outcome = done(wrong), .attempt = 1}, anew{.id = id, .outcome = done(wrong), .attempt = 2};
  CHECK(driver.tell_each({&old, 1}).front().kind == TellResult::Kind::known);
  CHECK(driver.tell_each({&anew, 1}).front().kind == TellResult::Kind::taken);
  driver.tell(id, done(wrong));  // again, as before
}

TEST_CASE("all labels of a bad version of the solver are taken back, and no others", "[driver][withdraw]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 2;
  toy::driver(options, versioned("solver 1.0")).run();
  options = toy::going_on(folder / "c");
  toy::driver(options, versioned("solver 1.1", 100)).run();
  std::map<std::string, int> by;
  {
    const Ledger ledger = look(folder / "c");
    for (const SampleId id : ledger.picked()) ++by[ledger.attempts(id).back().solver];
  }
  CHECK(by == std::map<std::string, int>{{"solver 1.0", 8}, {"solver 1.1", 4}});
  CHECK(withdraw_labels(folder / "c", {.solver = "solver 0.9"}).ids.empty());
  CHECK(withdraw_labels(folder / "c", {.solver = "solver 1.1", .reason = "off by 100"}).ids.size() == 4);
  toy::Driver driver = toy::driver(options, versioned("solver 1.2"));
  CHECK(driver.run() == RunStatus::finished);
  CHECK(driver.counts().labels == 12);
  for (const double y : driver.labeled().all().numbers("y")) CHECK(y < 50);
}

TEST_CASE("copies of a label that is taken back are taken back with it", "[driver][withdraw]") {
  const toy::Folder folder;
  Values first = sobol(toy::space(), 3);
  for (const char* name : {"a", "b"}) first[name][2] = first[name][0];
  const auto run = [&](double shift) {
    Driver driver({.dir = folder / "c", .max_rounds = 0, .resume = Resume::if_present}, {.labeled = first}, toy::mlp(),
                  Random(), versioned("any", shift), NoMetrology(), toy::loop(2));
    driver.run();
    return driver.labeled().all().numbers("y");
  };
  CHECK(run(1000)[2] > 500);
  const WithdrawalReport report = withdraw_labels(folder / "c", {.ids = {0}});
  CHECK(report.ids == std::vector<SampleId>{0, 2});
  CHECK(report.copies == 1);
  const std::vector<double> now = run(0);
  REQUIRE(now.size() == 3);
  CHECK(now[0] > 500);  // that of sample 1, which nobody took back
  CHECK(now[1] < 500);
  CHECK(now[1] == now[2]);
}

TEST_CASE("a label that was taken back does not come back with a ledger that is rebuilt", "[driver][withdraw]") {
  const toy::Folder folder;
  toy::driver(toy::options(folder / "c")).run();
  const SampleId id = look(folder / "c").picked(2, 2).front();
  const bool abandon = GENERATE(false, true), late = GENERATE(false, true);
  withdraw_labels(folder / "c", {.ids = {id}, .reason = "wrong mesh", .abandon = abandon});
  CHECK(check_campaign(folder / "c").problems.empty());
  DriverOptions more = toy::going_on(folder / "c");
  more.max_rounds = 4;
  if (late && abandon) toy::driver(more).run();
  for (const char* file : {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"})
    std::filesystem::remove(folder / "c" / file);
  repair_campaign(folder / "c");
  {
    const Ledger ledger = look(folder / "c");
    CHECK(ledger.entry(id).state == (abandon ? SampleState::abandoned : SampleState::queued));
    REQUIRE(!ledger.attempts(id).empty());
    CHECK(ledger.attempts(id).back().outcome == "withdrawn");
    CHECK(ledger.attempts(id).back().reason == "wrong mesh");
  }
  CHECK(check_campaign(folder / "c").problems.empty());
  toy::driver(more).run();
  CHECK(look(folder / "c").entry(id).state == (abandon ? SampleState::abandoned : SampleState::done));
}

TEST_CASE("only labels can be taken back", "[driver][withdraw]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 1;
  int calls = 0;
  toy::driver(options, FunctionLabel({.provides = {"y"}, .function = "solve"},
                                     [&](const Values& x) {
                                       if (++calls == 2) throw std::runtime_error("diverged");
                                       return toy::solve(x);
                                     }))
      .run();
  const std::vector<SampleId> ids = look(folder / "c").picked();
  CHECK_THROWS_WITH(withdraw_labels(folder / "c", {.ids = {ids[0], ids[1]}}),
                    Contains("assay.withdraw.label") && Contains("failed"));
  CHECK(look(folder / "c").entry(ids[0]).state == SampleState::done);
  CHECK_THROWS_WITH(withdraw_labels(folder / "c", {.ids = {99999}}), Contains("99999"));
}

TEST_CASE("the version that a program prints is read without the blanks around it", "[label][withdraw]") {
  using assay::detail::solver_version;
  CHECK(solver_version({"printf", "  solver 2.1\\nmesh 4\\n\\n"}) == "solver 2.1\nmesh 4");
  CHECK(solver_version({"sh", "-c", "yes | head -c 100000"}).size() <= 1000);
  CHECK_THROWS_WITH(solver_version({"/no/such/solver"}),
                    Contains("assay.label.version") && Contains("/no/such/solver"));
  CHECK_THROWS_WITH(solver_version({"sh", "-c", "echo 3.0; exit 7"}), Contains("exit code 7"));
  CHECK_THROWS_WITH(solver_version({"sh", "-c", "kill -9 $$"}), Contains("signal 9"));
  CHECK_THROWS_WITH(solver_version({"true"}), Contains("nothing"));
}

TEST_CASE("what a program's version command prints stands beside each of its labels", "[tools][withdraw]") {
  const toy::Folder folder;
  ProcessLabelOptions options{.command = {"sh", "-c", "echo '{\"y\": 10}' > out.json"}, .provides = {"y"}};
  options.outputs = {{"y", "out.json#/y"}};
  options.solver_version = {"sh", "-c", "echo solver 9.1"};
  DriverOptions driver_options = toy::options(folder / "c");
  driver_options.max_rounds = 1;
  Driver driver(driver_options, toy::pools(), toy::mlp(), Random({.max_samples = 2}), ProcessLabel(options),
                NoMetrology(), toy::loop(2));
  driver.run();
  const Ledger ledger = look(folder / "c");
  const std::vector<SampleId> picked = ledger.picked();
  REQUIRE(picked.size() == 2);
  for (const SampleId id : picked) CHECK(ledger.attempts(id).back().solver == "solver 9.1");
}
