// SPDX-License-Identifier: Apache-2.0
// What a campaign that goes on takes up, does again, and refuses.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>

#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

using namespace assay;
namespace fs = std::filesystem;

namespace {

/// Throws at the first event of a kind in a round: a crash at that very place.
struct CrashIn {
  Event::Kind kind;
  std::int64_t round;
  void observe(const Event& event) const {
    if (event.kind == kind && event.round == round) throw std::runtime_error("crash");
  }
};

std::vector<std::int64_t> rounds_in(const std::filesystem::path& metrics) {
  std::vector<std::int64_t> rounds;
  std::ifstream in(metrics);
  for (std::string line; std::getline(in, line);) rounds.push_back(parse_json(line, "metrics").at("round"));
  return rounds;
}

std::vector<std::string> files_in(const fs::path& dir) {
  std::vector<std::string> files;
  if (!fs::exists(dir)) return files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(dir)) files.push_back(entry.path());
  return files;
}

/// A query strategy whose options change from one version of a program to the next.
struct Versioned {
  Json options;
  Selection select(const QueryContext&) const { return {.positions = {0}, .scores = {}, .strategies = {}}; }
  Json spec() const {
    Json spec{{"type", "versioned"}};
    spec.update(options);
    return spec;
  }
};

}  // namespace

TEST_CASE("an option that was taken out of a strategy is a change, and refused", "[driver][resuming][survivors]") {
  const toy::Folder folder;
  const auto open = [&](Json options) {
    return Driver(toy::going_on(folder / "c"), toy::pools(), toy::mlp(), Versioned{std::move(options)}, toy::label(),
                  NoMetrology(), toy::loop(2));
  };
  CHECK_NOTHROW(open({{"width", 1}, {"depth", 2}}));
  CHECK_NOTHROW(open({{"width", 1}, {"depth", 2}}));
  CHECK_THROWS_WITH(open({{"width", 1}}), Contains("assay.resume.changed") && Contains("/query/depth"));
  CHECK_THROWS_WITH(open({{"width", 1}, {"depth", 2}, {"height", 3}}), Contains("/query/height"));
}

TEST_CASE("simulations with a handle are offered again after a stop, in the same process and in the next",
          "[driver][resuming][survivors]") {
  /// Starts simulations that outlive it; takes up what runs, and with `finish` ends it.
  struct Detached {
    std::vector<std::vector<SampleId>>* taken_up;
    std::atomic<bool>* stop;
    bool* finish;
    std::vector<std::string> provides() const { return {"y"}; }
    void label(LabelContext& context) {
      std::vector<SampleId> ids;
      for (const Job& job : context.unfinished()) {
        ids.push_back(job.id);
        if (*finish) context.accept(job, toy::solve(job.inputs));
      }
      taken_up->push_back(ids);
      while (*finish || ids.empty()) {
        const std::optional<Job> job = context.next();
        if (!job) break;
        if (*finish) {
          context.accept(*job, toy::solve(job->inputs));
        } else {
          context.set_handle(*job, "machine 7");
        }
      }
      if (!*finish) *stop = true;
    }
  };
  const toy::Folder folder;
  std::vector<std::vector<SampleId>> taken_up;
  std::atomic<bool> stop{false};
  bool finish = false;
  const auto open = [&] {
    auto driver = Driver(toy::going_on(folder / "c"), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}),
                         Detached{&taken_up, &stop, &finish}, Metrics(Rmse(), R2()), toy::loop());
    return driver;
  };
  const auto run = [&](auto& driver) {
    stop = false;
    driver.stop_when(stop);
    return driver.run();
  };
  {
    // A process that dies: what it started is running in the ledger, under its handle.
    std::vector<Sample> asked;
    {
      auto driver = open();
      driver.advance();
      asked = driver.ask(4);
    }
    REQUIRE(asked.size() == 4);
    Ledger ledger = Ledger::open(folder / "c/ledger.sqlite", folder / "c/labels/objects");
    for (const Sample& sample : asked) ledger.set_handle(sample.id, 1, "machine 7");
  }
  {
    auto driver = open();
    CHECK(run(driver) == RunStatus::stopped);
    CHECK(run(driver) == RunStatus::stopped);
    REQUIRE(taken_up.size() == 2);
    CHECK(taken_up[0].size() == 4);
    CHECK(taken_up[1] == taken_up[0]);
  }
  finish = true;
  auto driver = open();
  CHECK(run(driver) == RunStatus::finished);
  CHECK(taken_up[2] == taken_up[0]);
  CHECK(driver.counts().simulations == 12);
  toy::driver(toy::options(folder / "whole")).run();
  CHECK(campaign_hash(folder / "c") == campaign_hash(folder / "whole"));
}

TEST_CASE("a campaign that is renamed or deleted while it runs ends, and makes nothing under its old path",
          "[driver][resuming]") {
  const toy::Folder folder;
  const std::string expected = [&] {
    toy::driver(toy::options(folder / "whole")).run();
    return campaign_hash(folder / "whole");
  }();
  const auto wait_for_checkpoint_of = [&](std::int64_t round, const char* phase) {
    for (;; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
      std::vector<std::string> damaged;
      const std::optional<Checkpoint> newest = newest_checkpoint(folder / "c", damaged);
      if (newest && newest->json["position"]["round"] == round && newest->json["position"]["phase"] == phase) return;
    }
  };
  const auto moved_at = [&](std::int64_t label, const std::function<void()>& move) {
    std::int64_t labels = 0;
    FunctionLabel solver({.provides = {"y"}, .function = "solve"}, [&](const Values& x) {
      if (++labels != label) return toy::solve(x);
      wait_for_checkpoint_of(2, "labeling");  // which is written beside the simulations
      move();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // long enough for a commit of its own
      return toy::solve(x);
    });
    Driver driver(toy::going_on(folder / "c"), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}), solver,
                  Metrics(Rmse(), R2()), toy::loop());
    CHECK_THROWS_WITH(driver.run(), Contains("assay.campaign.moved"));
    return labels;
  };
  SECTION("renamed, and it goes on where it is now") {
    CHECK(moved_at(6, [&] { fs::rename(folder / "c", folder / "d"); }) == 6);
    CHECK(files_in(folder / "c").empty());
    fs::rename(folder / "d", folder / "c");
    toy::driver(toy::going_on(folder / "c")).run();
    CHECK(campaign_hash(folder / "c") == expected);
  }
  SECTION("renamed, and another one stands in its place") {
    CHECK(moved_at(6, [&] {
            fs::rename(folder / "c", folder / "d");
            toy::driver(toy::options(folder / "c")).run();
          }) == 6);
    CHECK(campaign_hash(folder / "c") == expected);
    CHECK(check_campaign(folder / "c").problems.empty());
  }
  SECTION("deleted") {
    CHECK(moved_at(6, [&] { fs::remove_all(folder / "c"); }) == 6);
    CHECK(files_in(folder / "c").empty());
  }
}

TEST_CASE("a finished campaign that is opened again measures its last rounds anew, once",
          "[driver][resuming][survivors]") {
  const toy::Folder folder;
  bool fails = true;
  const auto run = [&] {
    toy::Driver driver = toy::driver(toy::going_on(folder / "c"),
                                     FunctionLabel({.provides = {"y"}, .function = "solve"}, [&](const Values& x) {
                                       if (std::exchange(fails, false)) throw std::runtime_error("no licence");
                                       return toy::solve(x);
                                     }));
    driver.run();
    std::vector<std::int64_t> rounds;
    for (const MetricRecord& record : driver.records()) rounds.push_back(record.round);
    CHECK(rounds == std::vector<std::int64_t>{1, 2, 3, 4});
    CHECK(driver.records().back().labels == driver.labeled().size());
    return driver.labeled().size();
  };
  CHECK(run() == 27);
  CHECK(retry_samples(folder / "c", std::nullopt) == 1);
  CHECK(run() == 28);
  CHECK(rounds_in(folder / "c/metrics.jsonl") == std::vector<std::int64_t>{1, 2, 3, 4});
  // Nothing is queued: nothing is opened again.
  CHECK(run() == 28);
}

TEST_CASE("a training that was interrupted starts anew under another loop", "[driver][resuming][survivors]") {
  const toy::Folder folder;
  const auto make = [&](DriverOptions options, std::int64_t epochs) {
    return toy::Driver(std::move(options), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}), toy::label(),
                       Metrics(Rmse(), R2()), toy::loop(epochs));
  };
  DriverOptions options = toy::going_on(folder / "c");
  options.checkpoint_every_epochs = 1;
  options.observers = {CrashIn{Event::Kind::phase_finished, 1}};
  CHECK_THROWS_WITH(make(options, 4).run(), Contains("crash"));
  options.observers = {};
  make(options, 6).run();
  make(toy::going_on(folder / "whole"), 6).run();
  CHECK(campaign_hash(folder / "c") == campaign_hash(folder / "whole"));
}

namespace {

/// Starts a simulation elsewhere and dies of something else; the next session finds it there.
struct Leaving {
  bool dies;
  std::vector<SampleId>* found;
  std::vector<std::string> provides() const { return {"y"}; }
  void label(LabelContext& context) {
    for (const Job& job : context.unfinished()) {
      found->push_back(job.id);
      context.accept(job, toy::solve(job.inputs));
    }
    while (const std::optional<Job> job = context.next()) {
      if (dies) {
        context.set_handle(*job, "job 17");
        throw std::runtime_error("the disk is full");
      }
      context.accept(*job, toy::solve(job->inputs));
    }
  }
};

}  // namespace

TEST_CASE("what runs elsewhere when a label strategy throws is found again, not begun anew", "[driver]") {
  const toy::Folder folder;
  std::vector<SampleId> found;
  const auto session = [&](bool dies) {
    DriverOptions options = toy::options(folder / "c");
    options.resume = Resume::if_present;
    Driver driver(std::move(options), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}),
                  Leaving{dies, &found}, Metrics(Rmse(), R2()), toy::loop());
    return driver.run();
  };
  CHECK_THROWS_WITH(session(true), Contains("the disk is full"));
  CHECK(found.empty());
  CHECK(session(false) == RunStatus::finished);
  REQUIRE(found.size() == 1);
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", folder / "c/labels/objects");
  CHECK(ledger.attempts(found.front()).size() == 1);
  toy::driver(toy::options(folder / "whole")).run();
  CHECK(campaign_hash(folder / "c") == campaign_hash(folder / "whole"));
}
