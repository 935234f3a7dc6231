// SPDX-License-Identifier: Apache-2.0
// Simulation programs that have to be ended: at a limit, by a signal, with all their children. No test depends on how
// long something takes: time limits of a minute or more only guard against a hang.
#include "support/catch.hpp"
#include "support/jobs.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>

#include <csignal>
#include <thread>

using namespace assay;
using namespace jobs;
using namespace std::chrono_literals;
using Catch::Matchers::StartsWith;

TEST_CASE("children of a program that exits are ended with it", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  SECTION("in its process group") {
    run(ProcessLabel(guarded("sleep 1000 & echo $! > ../child; echo 1 > y.txt"), {}, read_y), queue);
  }
  SECTION("in a session of their own") {
    run(ProcessLabel(guarded("setsid sleep 1000 & echo $! > ../child; echo 1 > y.txt"), {}, read_y), queue);
  }
  SECTION("in a session of their own, as daemons that hold nothing of the program's") {
    run(ProcessLabel(guarded("setsid sh -c '(cd /; sleep 1000 </dev/null >/dev/null 2>&1 & echo $!) > ../child'; "
                             "echo 1 > y.txt"),
                     {}, read_y),
        queue);
  }
  const pid_t child = process_in(folder / "child");
  REQUIRE(child > 1);
  CHECK(ends(child));
  CHECK(queue.failures.empty());
  CHECK(queue.accepted.size() == 1);
}

TEST_CASE("only the processes of a simulation are ended", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 2);
  // The other simulation lives until this one, with a child in a session of its own, is done.
  ProcessLabelOptions options = guarded(
      "if test $(cat x.txt) = 1; then setsid sleep 1000 & echo $! > ../child; touch ../one; echo 1 > y.txt; else "
      "setsid sh -c 'until test -e ../done; do sleep 0.01; done; echo 2 > y.txt' & wait; fi");
  options.parallel = 2;
  std::jthread watcher([&] {
    while (!std::filesystem::exists(folder / "one") || std::filesystem::exists(folder / "1_1"))
      std::this_thread::sleep_for(10ms);
    std::ofstream(folder / "done") << "done";
  });
  run(ProcessLabel(options, write_x, read_y), queue);
  CHECK(ends(process_in(folder / "child")));
  REQUIRE(queue.accepted.size() == 2);
  CHECK(queue.accepted[0].scalar("y") == 2);
}

TEST_CASE("a program that prints without end is ended at its time limit", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = shell("exec yes");
  options.time_limit = 300ms;
  options.output_limit = 100;
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK_THAT(queue.failures.at(0).reason, Contains("not done after"));
}

TEST_CASE("a program that writes more into a file than it may is ended", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  constexpr std::uintmax_t much = 4'000'000'000;
  const std::string flood = "head -c " + std::to_string(much) + " /dev/zero > big";
  SECTION("itself") {
    ProcessLabelOptions options = guarded("exec " + flood);
    options.file_limit = 1'000'000;
    run(ProcessLabel(options, {}, read_y), queue);
    CHECK_THAT(queue.failures.at(0).reason,
               StartsWith("ended by signal 25") && Contains("'file_limit', 1000000 bytes"));
  }
  SECTION("by a child in a session of its own") {
    ProcessLabelOptions options = guarded("setsid -w " + flood);
    options.file_limit = 1'000'000;
    run(ProcessLabel(options, {}, read_y), queue);
    CHECK_THAT(queue.failures.at(0).reason, StartsWith("exit code"));
  }
  CHECK(queue.accepted.empty());
  CHECK(std::filesystem::file_size(folder / "0_1/big") < much);
}

TEST_CASE("a program that may write enough is not disturbed by a file limit", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = guarded("echo 1 > y.txt");
  options.file_limit = 1000;
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK(queue.accepted.size() == 1);
}

TEST_CASE("a program is asked to end before it is killed", "[label]") {
  const toy::Folder folder;
  // Ready to save its state when told; the grace is long: only the program's own end is waited for.
  ProcessLabelOptions options = shell(
      "trap 'sleep 0.2; echo saved > ../saved; exit 0' TERM; echo ready > ../ready; while true; do sleep 0.05; done");
  options.grace = 120s;
  SECTION("at the time limit") {
    const EndedAtLimit ended = run_to_limit(folder.path(), options, "ready");
    CHECK_THAT(ended.failure.reason, Contains("not done after"));
    CHECK(std::filesystem::exists(ended.folder / "saved"));
  }
  SECTION("on a stop") {
    Queue queue(folder.path(), 1);
    queue.on_start = [&] {
      wait_for(folder / "ready");
      queue.stop = true;
    };
    run(ProcessLabel(options, {}, read_y), queue);
    CHECK(queue.failures.empty());
    CHECK(queue.accepted.empty());
    CHECK(std::filesystem::exists(folder / "saved"));
  }
}

TEST_CASE("the children of a shell have the grace period too", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  // The shell itself dies of SIGTERM at once.
  std::ofstream(folder / "solver") << "trap 'sleep 0.2; echo saved > ../saved; exit 0' TERM\n"
                                      "echo ready > ../ready; while true; do sleep 0.05; done\n";
  ProcessLabelOptions options = shell("sh ../solver; true");
  options.grace = 120s;
  queue.on_start = [&] {
    wait_for(folder / "ready");
    queue.stop = true;
  };
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK(std::filesystem::exists(folder / "saved"));
}

TEST_CASE("a program that ignores SIGTERM is killed after the grace period", "[label]") {
  const toy::Folder folder;
  ProcessLabelOptions options = shell("trap '' TERM; echo $$ > ../leader; while true; do sleep 0.05; done");
  options.grace = GENERATE(0ms, 200ms);
  const EndedAtLimit ended = run_to_limit(folder.path(), options, "leader");
  CHECK_THAT(ended.failure.reason, Contains("not done after"));
  CHECK_FALSE(alive(process_in(ended.folder / "leader")));
}
