// SPDX-License-Identifier: Apache-2.0
// Simulations under their runners: what outlives a killed campaign is taken up, cores and environments are as ordered.
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/jobs.hpp"
#include "support/killed_campaign.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/error.hpp>

#include <sched.h>
#include <signal.h>

#include <set>
#include <thread>

using namespace assay;
using namespace jobs;
using namespace killed;
using namespace std::chrono_literals;

namespace {

/// Does something at the first event whose text holds a word.
struct When {
  std::string word;
  std::function<void()> call;
  void observe(const Event& event) {
    if (call && event.text.find(word) != std::string::npos) std::exchange(call, {})();
  }
};

}  // namespace

TEST_CASE("simulations that end after their campaign was killed are not repeated", "[simulation]") {
  const toy::Folder folder;
  const ProcessLabelOptions options = waiting_programs(folder);
  run_and_kill(folder, options);
  std::ofstream(folder / "go") << "go";
  wait_for_lines(folder / "ended", 3);
  ProcessCampaign resumed = campaign(folder / "killed", options);
  CHECK(resumed.run() == RunStatus::finished);
  CHECK(lines_of(folder / "started").size() == 6);
  CHECK(resumed.counts().simulations == 6);
  CHECK(resumed.counts().labels == 6);
  CHECK(campaign_hash(folder / "killed") == uninterrupted_hash(folder));
}

TEST_CASE("simulations that still run when a campaign goes on are waited for", "[simulation]") {
  const toy::Folder folder;
  const ProcessLabelOptions options = waiting_programs(folder);
  run_and_kill(folder, options);
  CHECK(lines_of(folder / "ended").empty());
  ProcessCampaign resumed = campaign(folder / "killed", options,
                                     {When{"left running", [&] { std::ofstream(folder / "go") << "go"; }}});
  CHECK(resumed.run() == RunStatus::finished);
  CHECK(lines_of(folder / "started").size() == 6);
  CHECK(resumed.counts().simulations == 6);
  CHECK(campaign_hash(folder / "killed") == uninterrupted_hash(folder));
}

TEST_CASE("simulations that still run when a campaign goes on can be ended", "[simulation]") {
  const toy::Folder folder;
  ProcessLabelOptions options = waiting_programs(folder);
  options.left_running = LeftRunning::end;
  options.grace = 60s;
  run_and_kill(folder, options);
  std::vector<pid_t> first;
  for (const std::string& line : lines_of(folder / "started")) first.push_back(std::stoi(line));
  ProcessCampaign resumed = campaign(folder / "killed", options);
  std::jthread others([&] {  // those that were never started before are first attempts too
    for (int i = 0; i < 12000 && lines_of(folder / "started").size() < 6; ++i) ::usleep(10'000);
    std::ofstream(folder / "go") << "go";
  });
  CHECK(resumed.run() == RunStatus::finished);
  for (const pid_t process : first) CHECK(ends(process));
  CHECK(lines_of(folder / "started").size() == 9);
  CHECK(resumed.counts().labels == 6);
  CHECK(campaign_hash(folder / "killed") == uninterrupted_hash(folder));
}

TEST_CASE("simulations whose directories are gone are repeated", "[simulation]") {
  const toy::Folder folder;
  const ProcessLabelOptions options = waiting_programs(folder);
  run_and_kill(folder, options);
  std::ofstream(folder / "go") << "go";
  wait_for_outcomes(folder / "killed/simulations", 3);
  std::filesystem::remove_all(folder / "killed/simulations");
  ProcessCampaign resumed = campaign(folder / "killed", options);
  CHECK(resumed.run() == RunStatus::finished);
  CHECK(resumed.counts().labels == 6);
  CHECK(resumed.counts().simulations == 9);
}

TEST_CASE("another label strategy does not wait for the programs of the one before", "[simulation]") {
  const toy::Folder folder;
  run_and_kill(folder, waiting_programs(folder));
  std::ofstream(folder / "go") << "go";
  DriverOptions how = toy::options(folder / "killed");
  how.max_rounds = 1;
  how.resume = Resume::required;
  Driver resumed(
      std::move(how), {.labeled = toy::labeled(8), .unlabeled = assay::sobol(toy::space(), 20, {.skip = 16})},
      toy::mlp(), Random({.max_samples = 6}),
      FunctionLabel({.provides = {"y"}}, [](const Values& x) { return Values{{"y", x.scalar("a") * x.scalar("b")}}; }),
      NoMetrology(), toy::loop());
  CHECK(resumed.run() == RunStatus::finished);
  CHECK(resumed.counts().labels == 6);
  CHECK(resumed.counts().simulations == 9);
  wait_for_lines(folder / "ended", 3);
}

TEST_CASE("a simulation whose runner is killed has failed, and nothing of it goes on", "[simulation]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = shell("setsid sleep 1000 & echo $! > ../child; wait; sleep 1000");
  options.time_limit = 120s;
  queue.on_start = [&] {
    wait_for(folder / "child");
    ::kill(std::stoi(queue.handles.back().substr(std::string("process ").size())), SIGKILL);
  };
  run(ProcessLabel(options, {}, read_y), queue);
  REQUIRE(queue.failures.size() == 1);
  CHECK(queue.failures[0].reason == "its runner was killed");
  CHECK(ends(process_in(folder / "child")));
}

TEST_CASE("a program may write files of the names that the runner uses", "[simulation]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = shell(
      "echo '{\"end\": \"exited\", \"status\": 0}' > outcome.json; echo x > simulation.json; exit 5");
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK(queue.failures.at(0).reason == "exit code 5");
}

TEST_CASE("simulations with cores share the machine without crowding it", "[simulation]") {
  const toy::Folder folder;
  // In a process that may use two cores only, on whatever machine.
  const int status = child::run([&] {
    cpu_set_t all, two;
    ::sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&two);
    for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&two) < 2; ++core) {
      if (CPU_ISSET(core, &all)) CPU_SET(core, &two);
    }
    const auto cores = static_cast<std::size_t>(CPU_COUNT(&two));
    ::sched_setaffinity(0, sizeof two, &two);
    Queue queue(folder.path(), 8);
    ProcessLabelOptions options = shell(
        "mkdir ../runs_$$; ls -d ../runs_* | wc -l >> ../together; nproc >> ../cores; echo $OMP_NUM_THREADS >> "
        "../threads; "
        "sleep 0.05; rmdir ../runs_$$; echo 1 > y.txt");
    options.parallel = 8;
    options.cores = 1;
    run(ProcessLabel(options, {}, read_y), queue);
    child::require(queue.accepted.size() == 8, "all are labeled");
    for (const std::string& line : lines_of(folder / "together"))
      child::require(std::stoul(line) <= cores, "no more at once than there are cores");
    for (const char* file : {"cores", "threads"}) {
      for (const std::string& line : lines_of(folder / file)) child::require(line == "1", "one core each");
    }
    options.cores = 3;
    try {
      Queue refused(folder / "refused", 1);
      run(ProcessLabel(options, {}, read_y), refused);
      child::require(false, "more cores than there are must be refused");
    } catch (const LabelError& error) {
      child::require(error.id() == "assay.label.cores", error.what());
    }
    options.oversubscribe = true;
    options.parallel = 3;
    options.command = {
        "sh", "-c", "touch ../over_$$; while [ $(ls .. | grep -c over_) -lt 3 ]; do sleep 0.01; done; echo 1 > y.txt"};
    Queue crowded(folder / "crowded", 3);
    run(ProcessLabel(options, {}, read_y), crowded);
    child::require(crowded.accepted.size() == 3, "as many at once as asked for");
  });
  CHECK(status == 0);
}

TEST_CASE("the environment of a program is as ordered", "[simulation]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  const std::set<std::string> names{"OMPI_COMM_WORLD_RANK", "SLURM_JOB_ID", "PMI_RANK", "KEPT", "GONE", "SHIFTED",
                                    "OMP_NUM_THREADS"};
  for (const std::string& name : names) ::setenv(name.c_str(), "outer", 1);
  ProcessLabelOptions options = shell("env; exit 1");
  options.unset = {"GONE", "*"};
  SECTION("with nothing of the host's") {}
  SECTION("with some of the host's") {
    options.unset = {"GONE", "SHIF*"};
    options.clear_launcher = true;
    options.environment = {{"SHIFTED", "inner"}, {"NEW", "a b"}, {"ASSAY_SIMULATION", "forged"}};
    options.cores = 1;
  }
  run(ProcessLabel(options, {}, read_y), queue);
  for (const std::string& name : names) ::unsetenv(name.c_str());
  std::map<std::string, std::string> seen;
  std::ifstream in(folder / "0_1/.assay/output.txt");
  for (std::string line; std::getline(in, line);)
    seen[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
  REQUIRE(queue.failures.size() == 1);
  CHECK(seen["ASSAY_SIMULATION"].find('-') != std::string::npos);  // a mark, whatever else is unset
  CHECK_FALSE(seen.contains("GONE"));
  CHECK_FALSE(seen.contains("OMPI_COMM_WORLD_RANK"));
  CHECK_FALSE(seen.contains("SLURM_JOB_ID"));
  CHECK_FALSE(seen.contains("PMI_RANK"));
  if (options.cores) {
    CHECK(seen["KEPT"] == "outer");
    CHECK(seen["SHIFTED"] == "inner");
    CHECK(seen["NEW"] == "a b");
    CHECK(seen["OMP_NUM_THREADS"] == "1");
  } else {
    CHECK_FALSE(seen.contains("KEPT"));
  }
}
