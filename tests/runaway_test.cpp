// SPDX-License-Identifier: Apache-2.0
// Programs that turn on their runner, flee from it, or take its disk.
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/jobs.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/ledger.hpp>

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

using namespace assay;
using namespace jobs;
using namespace std::chrono_literals;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

std::size_t lines_in(const fs::path& file) {
  std::ifstream in(file);
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(in), {}, '\n'));
}

/// Processes of a program, wherever they came from.
std::size_t count_processes(const fs::path& program) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    if (fs::read_symlink(entry.path() / "exe", error) == program) ++count;
  }
  return count;
}

/// A program of its own for each test, so that no other's are counted.
fs::path fork_chain(const toy::Folder& folder) {
  const fs::path program = folder / "chain";
  fs::copy_file(ASSAY_FORK_CHAIN, program);
  return fs::canonical(program);
}

/// Does something in a process of its own that is root's no longer, if it was: such a one makes no control groups.
int as_nobody(const fs::path& folder, const std::function<void()>& task) {
  constexpr uid_t nobody = 65534;
  fs::permissions(folder, fs::perms::all);
  return child::run([&] {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0))
      throw std::runtime_error("cannot become nobody");
    task();
  });
}

/// What does something where there are 300 KiB of disk. \return false where nobody may mount one.
bool with_a_small_disk(const fs::path& place, const std::function<void()>& task) {
  constexpr int not_permitted = 77;
  fs::create_directory(place);
  const int status = child::run([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", place.c_str(), "tmpfs", 0, "size=300k") != 0)
      ::_exit(not_permitted);
    task();
  });
  if (status == not_permitted) {
    WARN("skipped: no file system may be mounted here");
    return false;
  }
  CHECK(status == 0);
  return true;
}

}  // namespace

TEST_CASE("R19: a program that tells its runner to end again and again has failed", "[label][r19]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 2);
  const char* signal = GENERATE("TERM", "INT");
  run(ProcessLabel(guarded("if test $(cat x.txt) = 0; then echo run >> ../runs; kill -" + std::string(signal) +
                           " $PPID; sleep 100; fi; echo 1 > y.txt"),
                   write_x, read_y),
      queue);
  CHECK(lines_in(folder / "runs") == 3);
  CHECK(queue.given_back == std::vector<SampleId>{0, 0});
  REQUIRE(queue.failures.size() == 1);
  CHECK_THAT(queue.failures[0].reason, StartsWith("its runner was told to end again and again"));
  CHECK(queue.accepted.size() == 1);
}

TEST_CASE("R19: a runner that is told to end while its campaign ends counts for nothing", "[label][r19]") {
  const toy::Folder folder;
  for (int session = 0; session < 5; ++session) {
    Queue queue(folder / std::to_string(session), 1);
    queue.on_start = [&] {
      wait_for(folder / (std::to_string(session) + "/ready"));
      queue.stop = true;
    };
    run(ProcessLabel(guarded("echo ready > ../ready; sleep 1000"), {}, read_y), queue);
    CHECK(queue.failures.empty());
    CHECK(queue.given_back.size() == 1);
  }
}

TEST_CASE("R19: a program that stops its runner does not stop its campaign", "[label][r19]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  run(ProcessLabel(guarded("kill -STOP $PPID; echo 1 > y.txt"), {}, read_y), queue);
  CHECK(queue.accepted.size() == 1);
}

TEST_CASE("R20: what a program leaves under the names of assay's files goes", "[label][r20]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  const char* leave = GENERATE("mkfifo .assay/outcome.json.writing", "mkdir -p .assay/outcome.json.writing/full",
                               "ln -s /dev/full .assay/outcome.json.writing", "mkfifo .assay/outcome.json",
                               "mkdir -p .assay/outcome.json/full", "ln -s ../y.txt .assay/outcome.json");
  run(ProcessLabel(guarded(std::string(leave) + "; echo 3 > y.txt"), {}, read_y), queue);
  CHECK(queue.failures.empty());
  REQUIRE(queue.accepted.size() == 1);
  CHECK(queue.accepted[0].scalar("y") == 3);
}

TEST_CASE("a program that removes its directory has failed", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  const char* remove = GENERATE("rm -r .assay", "rm -r ../0_1", "mv .assay elsewhere");
  run(ProcessLabel(guarded(std::string(remove) + "; exit 0"), {}, read_y), queue);
  CHECK(queue.accepted.empty());
  REQUIRE(queue.failures.size() == 1);
  CHECK_THAT(queue.failures[0].reason, StartsWith("its runner could not write how it ended"));
}

TEST_CASE("R21: chains of processes that fork as fast as they can end with their program", "[label][r21]") {
  const toy::Folder folder;
  const fs::path chain = fork_chain(folder);
  const std::string stay = GENERATE("", " stay");
  ProcessLabelOptions options = guarded(chain.string() + stay + " & echo 1 > y.txt");
  SECTION("in a control group, where that is permitted") {
    Queue queue(folder.path(), 2);
    run(ProcessLabel(options, {}, read_y), queue);
    CHECK(queue.accepted.size() == 2);
  }
  SECTION("several of them") {
    options.command.back() = "for i in 1 2 3 4 5; do " + options.command.back() + "; done";
    Queue queue(folder.path(), 1);
    run(ProcessLabel(options, {}, read_y), queue);
    CHECK(queue.accepted.size() == 1);
  }
  SECTION("as nobody, who makes no control group") {
    const int status = as_nobody(folder.path(), [&] {
      Queue queue(folder.path(), 2);
      run(ProcessLabel(options, {}, read_y), queue);
      child::require(queue.accepted.size() == 2, "both are labeled");
    });
    CHECK(status == 0);
  }
  CHECK(count_processes(chain) == 0);
}

TEST_CASE("R21: chains of processes end with their program at its time limit", "[label][r21]") {
  const toy::Folder folder;
  const fs::path chain = fork_chain(folder);
  const EndedAtLimit ended = run_to_limit(folder.path(),
                                          shell("echo ready > ../ready; exec " + chain.string() + " stay"), "ready");
  CHECK_THAT(ended.failure.reason, Contains("not done after"));
  CHECK(count_processes(chain) == 0);
}

TEST_CASE("R21: a control group ends with its simulation although the runner is killed", "[label][r21]") {
  const toy::Folder folder;
  const fs::path chain = fork_chain(folder);
  Queue queue(folder.path(), 1);
  run(ProcessLabel(guarded("grep -q /assay- /proc/self/cgroup && echo yes > ../grouped; " + chain.string() +
                           " stay & kill -KILL $PPID; sleep 1000"),
                   {}, read_y),
      queue);
  CHECK(queue.failures.at(0).reason == "its runner was killed");
  if (!fs::exists(folder / "grouped")) {
    WARN("skipped: no control group may be made here");
    return;
  }
  CHECK(count_processes(chain) == 0);
}

TEST_CASE("daemons that end while their program goes on are reaped", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  // Orphans are their runner's children; those that have ended leave no entry among the processes.
  run(ProcessLabel(guarded("for i in 1 2 3; do (setsid true &); done; runner=$PPID\n"
                           "until test -z \"$(grep -l \"^PPid:.$runner\\$\" /proc/[0-9]*/status 2>/dev/null | "
                           "xargs -r grep -l '^State:.Z' 2>/dev/null)\"; do sleep 0.01; done; echo 1 > y.txt"),
                   {}, read_y),
      queue);
  CHECK(queue.accepted.size() == 1);
}

TEST_CASE("R12: a full disk ends the phase with the sample queued", "[label][r12]") {
  const toy::Folder folder;
  const std::string fill = "head -c 10000000 /dev/zero > big 2>/dev/null; ";
  const std::string end = GENERATE("exit 0", "exit 3", "kill -SEGV $$", "echo '{' > out.json");
  with_a_small_disk(folder / "disk", [&] {
    Queue queue(folder / "disk", 1);
    ProcessLabelOptions options = guarded(fill + end);
    options.outputs = {{"y", "out.json#/y"}};
    try {
      run(ProcessLabel(options), queue);
      child::require(false, "a full disk must be told");
    } catch (const LabelError& error) {
      child::require(error.id() == "assay.label.disk", error.what());
    }
    child::require(queue.failures.empty(), "the sample has not failed");
  });
}

TEST_CASE("R12: a simulation that ended on a full disk, with its output, is not simulated again", "[label][r12]") {
  const toy::Folder folder;
  with_a_small_disk(folder / "disk", [&] {
    Queue queue(folder / "disk", 1);
    ProcessLabelOptions options = guarded(
        "echo '{\"y\": 3}' > out.json; head -c 100000 /dev/zero | tr '\\0' x; "
        "head -c 10000000 /dev/zero > big 2>/dev/null; exit 0");
    options.outputs = {{"y", "out.json#/y"}};
    run(ProcessLabel(options), queue);
    child::require(queue.accepted.size() == 1, "the label is taken");
    child::require(queue.accepted.begin()->second.scalar("y") == 3, "as it was computed");
  });
}

TEST_CASE("R12: a program that failed on a full disk is tried again, although there is room by then", "[label][r12]") {
  const toy::Folder folder;
  with_a_small_disk(folder / "disk", [&] {
    Queue queue(folder / "disk", 1);
    try {
      run(ProcessLabel(guarded("head -c 10000000 /dev/zero > big; exit 4"), {}, read_y), queue);
      child::require(false, "a full disk must be told");
    } catch (const LabelError& error) {
      child::require(error.id() == "assay.label.disk", error.what());
    }
    fs::remove(folder / "disk/0_1/big");
    Queue later(folder / "disk", 0);
    later.left.push_back(left_job(folder / "disk/0_1"));
    run(ProcessLabel(guarded("echo 1 > y.txt"), {}, read_y), later);
    child::require(later.failures.empty(), "the sample has not failed");
    child::require(later.given_back.size() == 1 && later.accepted.size() == 1, "it is simulated again");
  });
}

TEST_CASE("R12: input files that do not fit on the disk end the phase with the sample queued", "[label][r12]") {
  const toy::Folder folder;
  with_a_small_disk(folder / "disk", [&] {
    Queue queue(folder / "disk", 1);
    const auto write = [](const fs::path& directory, const Values&) {
      std::ofstream out(directory / "mesh");
      if (!(out << std::string(10'000'000, 'x')).flush()) throw std::runtime_error("cannot write the mesh");
    };
    try {
      run(ProcessLabel(guarded("true"), write, read_y), queue);
      child::require(false, "a full disk must be told");
    } catch (const LabelError& error) {
      child::require(error.id() == "assay.label.disk", error.what());
    }
    child::require(queue.failures.empty(), "the sample has not failed");
  });
}

TEST_CASE("R12: a failure beside a disk with room is a failure", "[label][r12]") {
  const toy::Folder folder;
  with_a_small_disk(folder / "disk", [&] {
    Queue queue(folder / "disk", 1);
    run(ProcessLabel(guarded("head -c 100000 /dev/zero > some; exit 3"), {}, read_y), queue);
    child::require(queue.failures.size() == 1, "an ordinary failure");
  });
}

TEST_CASE("a program may not raise its limit on files", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = guarded(
      "while test \"$(ulimit -Hf)\" = unlimited; do sleep 0.01; done; echo 1 > y.txt");
  options.file_limit = 1'000'000;
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK(queue.accepted.size() == 1);
}

TEST_CASE("R23: a limit on files that the host has is no end of the runner", "[label][r23]") {
  const toy::Folder folder;
  const int status = child::run([&] {
    const rlimit most{20'000, 20'000};
    ::setrlimit(RLIMIT_FSIZE, &most);
    Queue queue(folder.path(), 1);
    run(ProcessLabel(guarded("head -c 100000 /dev/zero | tr '\\0' a; exit 3"), {}, read_y), queue);
    child::require(queue.failures.size() == 1 && queue.failures[0].reason == "exit code 3", "an ordinary failure");
  });
  CHECK(status == 0);
}

TEST_CASE("an interruption is no failure of its sample", "[label]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "ledger.sqlite", "id", folder / "objects");
  NewEntry entry;
  entry.id = 3;
  entry.inputs = {{"x", 1.0}};
  entry.fingerprint = "content";
  ledger.commit_batch(1, {&entry, 1}, {});
  const SampleId id = 3;
  for (int i = 0; i < 2; ++i) {
    ledger.start_attempt(id, "simulations/x");
    CHECK(ledger.interrupt({&id, 1}) == 1);
  }
  CHECK(ledger.failures(id) == 0);
  ledger.fail(id, ledger.start_attempt(id, "simulations/y"), failed("it broke", /*retry=*/true), 1);
  ledger.start_attempt(id, "simulations/z");
  ledger.interrupt({&id, 1});
  CHECK(ledger.failures(id) == 1);
  CHECK(ledger.attempts(id).size() == 4);
}
