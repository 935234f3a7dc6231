// SPDX-License-Identifier: Apache-2.0
// Campaigns that go on elsewhere than they were killed: moved, copied, on another host, from a stranger.
#include "../src/detail/lease.hpp"
#include "../src/label/simulation.hpp"
#include "support/catch.hpp"
#include "support/clock.hpp"
#include "support/jobs.hpp"
#include "support/killed_campaign.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <climits>
#include <fstream>
#include <thread>

using namespace assay;
using namespace jobs;
using namespace killed;
using namespace std::chrono_literals;
using assay::detail::Simulation;
using assay::detail::SimulationOrder;
using assay::detail::SimulationOutcome;
namespace fs = std::filesystem;

namespace {

/// Programs that wait for the file `go` only below a folder called `killed`.
ProcessLabelOptions programs_that_wait_there(const toy::Folder& folder) {
  ProcessLabelOptions options = waiting_programs(folder);
  std::string& script = options.command.back();
  const std::string pattern = "*_1)";
  script.replace(script.find(pattern), pattern.size(), "*/killed/*)");
  return options;
}

std::vector<pid_t> processes_in(const fs::path& started) {
  std::vector<pid_t> processes;
  for (const std::string& line : lines_of(started)) processes.push_back(std::stoi(line));
  return processes;
}

void copy_tree(const fs::path& from, const fs::path& to) {
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
}

SimulationOrder an_order() {
  return {.mark = assay::detail::ProcessMarker::new_mark(),
          .host = assay::detail::host_name(),
          .boot = assay::detail::boot_of_host(),
          .pid_namespace = assay::detail::process_namespace(),
          .program = "/bin/true",
          .arguments = {"true"},
          .time_limit = 60s,
          .grace = 1s,
          .output_limit = 1000};
}

void set_time(const fs::path& file, long seconds_from_now) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += seconds_from_now;
  const timespec times[2]{now, now};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("R9: simulations of a campaign with a relative path are found from another working directory",
          "[simulation][r9]") {
  const toy::Folder folder;
  const ProcessLabelOptions options = waiting_programs(folder);
  fs::create_directory(folder / "place");
  run_and_kill(folder, [&] { return campaign("killed", options); }, folder / "place");
  bool ended_before = GENERATE(true, false);
  if (ended_before) {
    std::ofstream(folder / "go") << "go";
    wait_for_outcomes(folder / "place/killed/simulations", 3);
  }
  ProcessCampaign resumed = campaign(folder / "place/killed", options);
  if (!ended_before) std::ofstream(folder / "go") << "go";
  CHECK(resumed.run() == RunStatus::finished);
  CHECK(lines_of(folder / "started").size() == 6);
  CHECK(campaign_hash(folder / "place/killed") == uninterrupted_hash(folder));
}

TEST_CASE("R9: simulations of a campaign that was moved are found, running and finished", "[simulation][r9]") {
  const toy::Folder folder;
  const ProcessLabelOptions options = waiting_programs(folder);
  const fs::path scratch = GENERATE(true, false) ? folder / "scratch" : fs::path();
  run_and_kill(folder, [&] { return campaign(folder / "killed", options, {}, scratch); });
  SECTION("they end after the move") { fs::rename(folder / "killed", folder / "moved"); }
  SECTION("they ended before it") {
    std::ofstream(folder / "go") << "go";
    fs::path simulations = folder / "killed/simulations";
    if (!scratch.empty()) simulations = fs::directory_iterator(scratch)->path();
    wait_for_outcomes(simulations, 3);
    // As onto another file system: every file is another one.
    copy_tree(folder / "killed", folder / "moved");
    fs::remove_all(folder / "killed");
  }
  ProcessCampaign resumed = campaign(folder / "moved", options, {}, scratch);
  std::ofstream(folder / "go") << "go";
  CHECK(resumed.run() == RunStatus::finished);
  CHECK(lines_of(folder / "started").size() == 6);
  CHECK(resumed.counts().simulations == 6);
  CHECK(campaign_hash(folder / "moved") == uninterrupted_hash(folder));
}

TEST_CASE("R9: simulations whose directories were left by a move onto another file system are ended and run anew",
          "[simulation][r9]") {
  const toy::Folder folder;
  const ProcessLabelOptions options = waiting_programs(folder);
  run_and_kill(folder, options);
  const std::vector<pid_t> first = processes_in(folder / "started");
  copy_tree(folder / "killed", folder / "moved");
  fs::remove_all(folder / "killed");
  ProcessCampaign resumed = campaign(folder / "moved", options);
  const auto go = [&] { std::ofstream(folder / "go") << "go"; };
  std::jthread others([&] {  // first attempts that are new wait too
    for (int i = 0; i < 12000 && lines_of(folder / "started").size() < 6; ++i) ::usleep(10'000);
    go();
  });
  CHECK(resumed.run() == RunStatus::finished);
  REQUIRE(first.size() == 3);
  for (const pid_t process : first) CHECK(ends(process));
  CHECK(lines_of(folder / "started").size() == 9);
  CHECK(campaign_hash(folder / "moved") == uninterrupted_hash(folder));
}

TEST_CASE("R10: a copy of a running campaign touches nothing of its original's", "[simulation][r10]") {
  const toy::Folder folder;
  ProcessLabelOptions options = programs_that_wait_there(folder);
  options.left_running = GENERATE(LeftRunning::wait, LeftRunning::end);
  run_and_kill(folder, options);
  const std::vector<pid_t> first = processes_in(folder / "started");
  copy_tree(folder / "killed", folder / "copy");
  ProcessCampaign copied = campaign(folder / "copy", options);
  CHECK(copied.run() == RunStatus::finished);
  REQUIRE(first.size() == 3);
  for (const pid_t process : first) CHECK(alive(process));
  CHECK(lines_of(folder / "ended").size() == 6);  // all of the copy's own
  for (const auto& entry : fs::directory_iterator(folder / "killed/simulations"))
    CHECK(fs::exists(entry.path() / ".assay/simulation.json"));

  std::ofstream(folder / "go") << "go";
  wait_for_outcomes(folder / "killed/simulations", 3);
  options.left_running = LeftRunning::wait;
  ProcessCampaign original = campaign(folder / "killed", options);
  CHECK(original.run() == RunStatus::finished);
  CHECK(original.counts().simulations == 6);
  CHECK(campaign_hash(folder / "killed") == campaign_hash(folder / "copy"));
}

TEST_CASE("R10: a copy leaves the scratch folders of its original alone", "[simulation][r10]") {
  const toy::Folder folder;
  const ProcessLabelOptions options = waiting_programs(folder);
  run_and_kill(folder, [&] { return campaign(folder / "killed", options, {}, folder / "scratch"); });
  const fs::path place = fs::directory_iterator(folder / "scratch")->path();
  std::ofstream(folder / "go") << "go";
  wait_for_outcomes(place, 3);
  copy_tree(folder / "killed", folder / "copy");
  ProcessCampaign copied = campaign(folder / "copy", options, {}, folder / "scratch");
  CHECK(copied.run() == RunStatus::finished);
  CHECK(copied.counts().simulations == 9);
  ProcessCampaign original = campaign(folder / "killed", options, {}, folder / "scratch");
  CHECK(original.run() == RunStatus::finished);
  CHECK(original.counts().simulations == 6);
}

TEST_CASE("R11: a simulation on another host runs as long as its heartbeat moves, whatever this host's clock says",
          "[simulation][r11]") {
  const toy::Folder folder;
  SimulationOrder order = an_order();
  SECTION("another host") { order.host = "elsewhere"; }
  SECTION("another machine of this name") { order.boot = "another"; }
  SECTION("another container of this host") { order.pid_namespace = "pid:[1]"; }
  assay::detail::write_order(folder.path(), order);
  const fs::path heartbeat = folder / ".assay/heartbeat";
  const Simulation simulation = Simulation::left_behind(folder.path(), assay::detail::read_order(folder.path()));
  CHECK_FALSE(simulation.is_within_reach());
  CHECK_FALSE(simulation.runs());  // its runner never began
  std::ofstream(heartbeat).close();
  CHECK(simulation.runs());
  {
    const support::ClockAhead wrong(3600);
    CHECK(simulation.runs());
  }
  set_time(heartbeat, -50);
  CHECK(simulation.runs());
  set_time(heartbeat, -70);
  CHECK_FALSE(simulation.runs());
  set_time(heartbeat, 3600);
  CHECK_FALSE(simulation.runs());
  set_time(heartbeat, 0);
  assay::detail::write_outcome(folder.path(), {}, order.mark);
  CHECK_FALSE(simulation.runs());
}

TEST_CASE("a process is known to be gone under whatever name its host had, and one that lives is not", "[simulation]") {
  assay::detail::Holder holder = assay::detail::this_holder();
  holder.host = "renamed";
  CHECK_FALSE(assay::detail::known_dead(holder));
  holder.process = 999'999'999;  // no such process here
  CHECK(assay::detail::known_dead(holder));
}

TEST_CASE("files are whole unless this host was started anew", "[simulation]") {
  const toy::Folder folder;
  SimulationOrder order = an_order();
  CHECK(Simulation::left_behind(folder.path(), order).files_are_whole());
  order.boot = "before";
  CHECK_FALSE(Simulation::left_behind(folder.path(), order).files_are_whole());
  order.host = "elsewhere";
  CHECK(Simulation::left_behind(folder.path(), order).files_are_whole());
}

TEST_CASE("output that cannot be read after this host was started anew is no failure: the sample is queued again",
          "[simulation]") {
  const toy::Folder folder;
  SimulationOrder order = an_order();
  const bool anew = GENERATE(true, false), infeasible = GENERATE(true, false);
  if (anew) order.boot = "before";
  assay::detail::write_order(folder / "0_1", order);
  assay::detail::write_outcome(folder / "0_1", {}, order.mark);
  Queue queue(folder.path(), 0);
  queue.left = {left_job(folder / "0_1")};
  queue.stop = true;  // nothing new
  ProcessLabel::Reader reader = read_y;
  if (infeasible) reader = [](const fs::path&) -> Values { throw Infeasible("no mesh"); };
  run(ProcessLabel(guarded("true"), {}, reader), queue);
  CHECK(queue.given_back.size() == (anew ? 1 : 0));
  CHECK(queue.failures.size() == (anew ? 0 : 1));
}

TEST_CASE("what a program came to before its host was started anew is taken where it can be read", "[simulation]") {
  const toy::Folder folder;
  SimulationOrder order = an_order();
  order.boot = "before";
  assay::detail::write_order(folder / "0_1", order);
  std::ofstream(folder / "0_1/y.txt") << 7;
  assay::detail::write_outcome(folder / "0_1", {.seconds = 2}, order.mark);
  Queue queue(folder.path(), 0);
  queue.left = {left_job(folder / "0_1")};
  run(ProcessLabel(guarded("true"), {}, read_y), queue);
  REQUIRE(queue.accepted.size() == 1);
  CHECK(queue.accepted[0].scalar("y") == 7);
}

TEST_CASE("R15: a directory that the ledger names is never taken as a path", "[simulation][r15]") {
  const toy::Folder folder;
  ProcessLabelOptions options = shell("cp in.json out.json");
  options.outputs = {{"y", "out.json#/y"}};
  options.keep = KeepDirectories::none;
  ProcessLabelOptions missing = options;
  missing.command = {"no_such_solver"};
  CHECK_THROWS_WITH(campaign(folder / "killed", missing).run(), Contains("no_such_solver"));

  // A finished simulation, with another label, where somebody wants it to be read and deleted.
  const auto forge = [](const fs::path& place) {
    const SimulationOrder order = an_order();
    fs::create_directories(place);
    assay::detail::write_order(place, order);
    assay::detail::write_outcome(place, {}, order.mark);
    std::ofstream(place / "out.json") << R"({"y": 99})";
  };
  fs::path victim = folder / "victim", scratch;
  std::string recorded = victim.string();
  SECTION("an absolute path") {}
  SECTION("a path that leads out of the campaign") { recorded = "simulations/../../victim"; }
  SECTION("the name of an attempt elsewhere") {
    victim = folder / "other/00000008_1";
    recorded = victim.string();
  }
  SECTION("another campaign's folder in scratch") {
    scratch = folder / "scratch";
    victim = folder / "scratch/0123456789abcdef-0123456789ab/00000008_1";
    recorded = victim.string();
  }
  forge(victim);
  {
    Ledger ledger = Ledger::open(folder / "killed/ledger.sqlite", folder / "killed/labels/objects");
    const SampleId id = ledger.in_state(SampleState::queued, 1).at(0);
    const int attempt = ledger.start_attempt(id, recorded);
    ledger.set_handle(id, attempt, "simulation forged");
  }
  CHECK(campaign(folder / "killed", options, {}, scratch).run() == RunStatus::finished);
  CHECK(fs::exists(victim / "out.json"));
  CHECK(fs::exists(victim / ".assay/outcome.json"));
  CHECK(campaign_hash(folder / "killed") == uninterrupted_hash(folder));
}

TEST_CASE("R15: simulations behind a symbolic link are refused", "[simulation][r15]") {
  const toy::Folder folder;
  fs::create_directories(folder / "elsewhere");
  ProcessLabelOptions options = shell("cp in.json out.json");
  options.outputs = {{"y", "out.json#/y"}};
  SECTION("all of them") {
    fs::create_directory(folder / "c");
    fs::create_directory_symlink(folder / "elsewhere", folder / "c/simulations");
    CHECK_THROWS_WITH(campaign(folder / "c", options).run(), Contains("assay.file.link"));
    CHECK(fs::is_empty(folder / "elsewhere"));
  }
  SECTION("one of them, or assay's files in it") {
    const SimulationOrder order = an_order();
    assay::detail::write_order(folder / "elsewhere", order);
    assay::detail::write_outcome(folder / "elsewhere", {}, order.mark);
    std::ofstream(folder / "elsewhere/y.txt") << 99;
    fs::path at = folder / "0_1";
    if (GENERATE(true, false)) {
      fs::create_directory_symlink(folder / "elsewhere", at);
    } else {
      fs::create_directory(at);
      fs::create_directory_symlink(folder / "elsewhere/.assay", at / ".assay");
      std::ofstream(at / "y.txt") << 99;
    }
    Queue queue(folder.path(), 0);
    queue.left = {left_job(at)};
    queue.stop = true;
    run(ProcessLabel(guarded("true"), {}, read_y), queue);
    CHECK(queue.accepted.empty());
    CHECK(queue.given_back.size() == 1);
    CHECK(fs::exists(folder / "elsewhere/y.txt"));
  }
}

TEST_CASE("R16: the order of a simulation that asks for what cannot be is refused", "[simulation][r16]") {
  const toy::Folder folder;
  SimulationOrder order = an_order();
  SECTION("time without end") { order.time_limit = std::chrono::duration<double>(1e300); }
  SECTION("grace without end") { order.grace = std::chrono::duration<double>(1e10); }
  SECTION("time before time") { order.time_limit = -1s; }
  SECTION("a core beyond all") { order.cores = {0, INT_MAX}; }
  SECTION("a core below all") { order.cores = {-1}; }
  SECTION("no program") { order.arguments.clear(); }
  assay::detail::write_order(folder / "0_1", order);
  CHECK_THROWS_WITH(assay::detail::read_order(folder / "0_1"), Contains("assay.label.simulation_file"));
  Queue queue(folder.path(), 0);
  queue.left = {left_job(folder / "0_1")};
  queue.stop = true;
  run(ProcessLabel(guarded("true"), {}, read_y), queue);
  CHECK(queue.given_back.size() == 1);
}

TEST_CASE("R16: what lies under the names of assay's files and is none is never waited for", "[simulation][r16]") {
  const toy::Folder folder;
  const SimulationOrder order = an_order();
  assay::detail::write_order(folder / "0_1", order);
  const fs::path own = folder / "0_1/.assay";
  const char* name = GENERATE("simulation.json", "outcome.json", "heartbeat");
  fs::remove(own / name);
  SECTION("a pipe") { REQUIRE(::mkfifo((own / name).c_str(), 0644) == 0); }
  SECTION("an endless file") { fs::create_symlink("/dev/zero", own / name); }
  SECTION("a folder") { fs::create_directory(own / name); }
  Queue queue(folder.path(), 0);
  queue.left = {left_job(folder / "0_1")};
  queue.stop = true;
  run(ProcessLabel(guarded("true"), {}, read_y), queue);
  CHECK(queue.given_back.size() == 1);
}
