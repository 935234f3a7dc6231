// SPDX-License-Identifier: Apache-2.0
// Directories of simulations of the version before that a ledger from elsewhere names, and simulations on hosts whose
// clock is another.
#include "../src/detail/lease.hpp"
#include "../src/label/simulation.hpp"
#include "support/age.hpp"
#include "support/catch.hpp"
#include "support/clock.hpp"
#include "support/format_1.hpp"
#include "support/jobs.hpp"
#include "support/killed_campaign.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace assay;
using namespace jobs;
using namespace killed;
using assay::detail::Simulation;
namespace fs = std::filesystem;

namespace {

/// A finished simulation of version 1 with a label of somebody's choice.
void forge(const fs::path& place) {
  fs::create_directories(place);
  const std::string mark = assay::detail::ProcessMarker::new_mark();
  format_1::write_order(place, mark, assay::detail::host_name());
  std::ofstream(place / "outcome.json") << format_1::outcome(mark);
  std::ofstream(place / "out.json") << R"({"y": 99})";
  std::ofstream(place / "y.txt") << 99;
}

/// A campaign that has chosen and has not begun to simulate.
struct ChosenOnly {
  toy::Folder folder;
  ProcessLabelOptions options = shell("cp in.json out.json");
  SampleId next = -1;  ///< the sample that comes first
  std::string name;    ///< of the directory of its first attempt

  ChosenOnly() {
    options.outputs = {{"y", "out.json#/y"}};
    options.keep = KeepDirectories::none;
    ProcessLabelOptions missing = options;
    missing.command = {"no_such_solver"};
    CHECK_THROWS_WITH(campaign(folder / "killed", missing).run(), Contains("no_such_solver"));
    next = ledger().in_state(SampleState::queued, 1).at(0);
    char text[48];
    std::snprintf(text, sizeof text, "%08lld_1", static_cast<long long>(next));
    name = text;
  }
  Ledger ledger() const { return Ledger::open(folder / "killed/ledger.sqlite", objects_folder(folder / "killed")); }
  /// Has the ledger say that it runs in a directory.
  void say_it_runs_in(const std::string& recorded) const {
    Ledger changed = ledger();
    const int attempt = changed.start_attempt(next, recorded);
    REQUIRE(attempt == 1);
    changed.set_handle(next, attempt, "simulation forged");
  }
};

}  // namespace

TEST_CASE("R15: a directory that the ledger names is never taken as a path, not in the format before either",
          "[simulation][r15]") {
  const ChosenOnly chosen;
  const toy::Folder& folder = chosen.folder;
  fs::path victim = folder.path() / "victim" / chosen.name, scratch;
  std::string recorded = victim.string();
  SECTION("an absolute path") {}
  SECTION("a path that leads out of the campaign") { recorded = "simulations/../../victim/" + chosen.name; }
  SECTION("the place of an attempt in another campaign") {
    victim = folder.path() / "other/simulations" / chosen.name;
    recorded = victim.string();
  }
  SECTION("another campaign's folder in scratch") {
    scratch = folder / "scratch";
    victim = scratch / "0123456789abcdef-0123456789ab" / chosen.name;
    recorded = victim.string();
  }
  SECTION("scratch itself") {
    scratch = folder / "scratch";
    victim = scratch / chosen.name;
    recorded = victim.string();
  }
  forge(victim);
  chosen.say_it_runs_in(recorded);
  CHECK(campaign(folder / "killed", chosen.options, {}, scratch).run() == RunStatus::finished);
  for (const char* file : {"simulation.json", "outcome.json", "out.json"}) CHECK(fs::exists(victim / file));
  CHECK(campaign_hash(folder / "killed") == uninterrupted_hash(folder));
}

TEST_CASE("R15: the same files are taken where the campaign has its own, which shows what is at stake",
          "[simulation][r15]") {
  const ChosenOnly chosen;
  const toy::Folder& folder = chosen.folder;
  const fs::path own = folder.path() / "killed/simulations" / chosen.name;
  forge(own);
  chosen.say_it_runs_in("simulations/" + chosen.name);
  CHECK(campaign(folder / "killed", chosen.options).run() == RunStatus::finished);
  CHECK(chosen.ledger().labels(chosen.next).scalar("y") == 99);
  CHECK_FALSE(fs::exists(own));
}

TEST_CASE("R15: files of the version before behind a symbolic link are refused", "[simulation][r15]") {
  const std::string link = GENERATE("the directory", "simulation.json", "outcome.json");
  INFO(link);
  const toy::Folder folder;
  const fs::path elsewhere = folder / "elsewhere", at = folder / "0_1";
  forge(elsewhere);
  if (link == "the directory") {
    fs::create_directory_symlink(elsewhere, at);
  } else {
    fs::copy(elsewhere, at);
    fs::remove(at / link);
    fs::create_symlink(elsewhere / link, at / link);
  }
  Queue queue(folder.path(), 0);
  queue.left = {left_job(at)};
  queue.stop = true;  // nothing new
  jobs::run(ProcessLabel(guarded("true"), {}, read_y), queue);
  CHECK(queue.accepted.empty());
  CHECK(queue.given_back.size() == 1);
  for (const char* file : {"simulation.json", "outcome.json", "y.txt"}) CHECK(fs::exists(elsewhere / file));
}

TEST_CASE("R11: how old a sign of life is the file system says, whatever this host's clock says", "[simulation][r11]") {
  const long ahead = GENERATE(0L, 3600L, -3600L, 315'360'000L);  // the last: ten years
  const bool beats = GENERATE(true, false);  // before there were heartbeats the order said it, up to its time limit
  CAPTURE(ahead, beats);
  const toy::Folder folder;
  fs::path sign = folder / "simulation.json";
  if (beats) {
    assay::detail::write_order(folder.path(), {.mark = assay::detail::ProcessMarker::new_mark(),
                                               .host = "elsewhere",
                                               .boot = assay::detail::boot_of_host(),
                                               .pid_namespace = assay::detail::process_namespace(),
                                               .program = "/bin/true",
                                               .arguments = {"true"},
                                               .time_limit = std::chrono::seconds(60),
                                               .grace = std::chrono::seconds(1),
                                               .output_limit = 1000});
    sign = folder / ".assay/heartbeat";
    std::ofstream(sign).close();
  } else {
    format_1::write_order(folder.path(), assay::detail::ProcessMarker::new_mark(), "elsewhere");
  }
  const Simulation simulation = Simulation::left_behind(folder.path(), assay::detail::read_order(folder.path()));
  REQUIRE_FALSE(simulation.is_within_reach());
  const std::vector<std::pair<int, bool>> looks{{0, true}, {30, true}, {600, false}, {-3600, false}};
  for (const auto& [seconds, lives] : looks) {
    INFO(seconds << " s old");
    age(sign, std::chrono::seconds(seconds));
    const support::ClockAhead wrong(ahead);
    CHECK(simulation.runs() == lives);
  }
}

TEST_CASE("R11: a simulation on another host is waited for or given up alike under any clock", "[simulation][r11]") {
  const long ahead = GENERATE(3600L, -3600L, 315'360'000L);
  CAPTURE(ahead);
  const toy::Folder folder;
  fs::create_directory(folder / "0_1");
  const std::string mark = assay::detail::ProcessMarker::new_mark();
  format_1::write_order(folder / "0_1", mark, "elsewhere");
  age(folder / "0_1/simulation.json", std::chrono::hours(1));
  Queue queue(folder.path(), 0);
  queue.left = {left_job(folder / "0_1")};
  queue.stop = true;  // nothing new
  const support::ClockAhead wrong(ahead);
  SECTION("one that is silent") {
    jobs::run(ProcessLabel(guarded("true"), {}, read_y), queue);
    CHECK(queue.given_back.size() == 1);
  }
  SECTION("one that has said how it ended") {
    std::ofstream(folder / "0_1/outcome.json") << format_1::outcome(mark);
    std::ofstream(folder / "0_1/y.txt") << 99;
    jobs::run(ProcessLabel(guarded("true"), {}, read_y), queue);
    REQUIRE(queue.accepted.size() == 1);
    CHECK(queue.accepted.at(0).scalar("y") == 99);
  }
  SECTION("one that goes on") {
    age(folder / "0_1/simulation.json", std::chrono::seconds(10));
    jobs::run(ProcessLabel(guarded("true"), {}, read_y), queue);  // the next session looks again
    CHECK(queue.accepted.empty());
    CHECK(queue.given_back.empty());
  }
}
