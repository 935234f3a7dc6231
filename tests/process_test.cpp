// SPDX-License-Identifier: Apache-2.0
// Simulation programs that misbehave, and hosts that make it hard to watch them. No test depends on how long something
// takes: time limits of a minute or more only guard against a hang.
#include "support/catch.hpp"
#include "support/jobs.hpp"
#include "support/toy.hpp"

#include <assay/data/npy.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>

#include <fcntl.h>
#include <sys/wait.h>

#include <cmath>
#include <csignal>
#include <thread>

using namespace assay;
using namespace jobs;
using namespace std::chrono_literals;
using Catch::Matchers::StartsWith;

namespace {

ProcessLabelOptions json_output(const std::string& script) {
  ProcessLabelOptions options = guarded(script);
  options.outputs = {{"y", "out.json#/y"}};
  return options;
}

/// Sets what a signal does, and puts it back.
class SignalScope {
 public:
  SignalScope(int signal, void (*handler)(int)) : signal_(signal), before_(std::signal(signal, handler)) {}
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;
  ~SignalScope() { std::signal(signal_, before_); }

 private:
  int signal_;
  void (*before_)(int);
};

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("a program is watched although the host ignores or reaps its children", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  SECTION("because it ignores SIGCHLD") {
    const SignalScope ignored(SIGCHLD, SIG_IGN);
    run(ProcessLabel(guarded("setsid sleep 1000 & echo $! > ../child; echo 1 > y.txt"), {}, read_y), queue);
    CHECK(ends(process_in(folder / "child")));
  }
  SECTION("because it waits for its children") {
    queue.on_start = [&] {
      const pid_t process = std::stoi(queue.handles.back().substr(std::string("process ").size()));
      while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
      }
    };
    run(ProcessLabel(guarded("echo 1 > y.txt"), {}, read_y), queue);
  }
  CHECK(queue.failures.empty());
  CHECK(queue.accepted.size() == 1);
}

TEST_CASE("a time limit works in a host that ignores SIGCHLD", "[label]") {
  const toy::Folder folder;
  const SignalScope ignored(SIGCHLD, SIG_IGN);
  const EndedAtLimit ended = run_to_limit(folder.path(), shell("sleep 1000 & echo $! > ../child; wait"), "child");
  CHECK_THAT(ended.failure.reason, Contains("not done after"));
  CHECK(ends(process_in(ended.folder / "child")));
}

TEST_CASE("a simulation inside a simulation carries both marks", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 2);
  ::setenv("ASSAY_SIMULATION", "outer", 1);
  run(ProcessLabel(guarded("echo $ASSAY_SIMULATION; exit 1"), {}, read_y), queue);
  ::unsetenv("ASSAY_SIMULATION");
  REQUIRE(queue.failures.size() == 2);
  CHECK_THAT(queue.failures[0].output, StartsWith("outer:"));
  CHECK(queue.failures[0].output != queue.failures[1].output);
}

TEST_CASE("a program that closes its pipes and goes on computing is waited for", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  queue.on_start = [&] { std::ofstream(folder / "go") << "go"; };
  run(ProcessLabel(guarded("exec >&- 2>&-; until test -e ../go; do sleep 0.01; done; sleep 0.2; echo 4 > y.txt"), {},
                   read_y),
      queue);
  CHECK(queue.failures.empty());
  CHECK(queue.accepted.at(0).scalar("y") == 4);
}

TEST_CASE("a program that exits with 0 but leaves no good output has failed", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  std::string reason;
  ProcessLabelOptions options;
  SECTION("none") {
    options = json_output("echo nothing");
    reason = "a file that the program wrote, got none";
  }
  SECTION("an empty file") {
    options = json_output("> out.json");
    reason = "out.json";
  }
  SECTION("not the field") {
    options = json_output("echo '{\"z\": 1}' > out.json");
    reason = "'y'";
  }
  SECTION("rows of different lengths") {
    options = json_output("echo '{\"y\": [[1, 2], [3]]}' > out.json");
    reason = "shape";
  }
  SECTION("bytes that are no text") {
    options = json_output("printf '{\"y\": \"\\377\\376\"}' > out.json");
    reason = "out.json";
  }
  SECTION("a pipe, which would be waited for") {
    options = json_output("mkfifo out.json");
    reason = "something else";
  }
  SECTION("an endless file") {
    options = json_output("ln -s /dev/zero out.json");
    reason = "something else";
  }
  SECTION("more than may be read") {
    options = json_output("echo '{\"y\": 1}' > out.json");
    options.read_limit = 5;
    reason = "read_limit";
  }
  run(ProcessLabel(options), queue);
  CHECK(queue.accepted.empty());
  REQUIRE(queue.failures.size() == 1);
  CHECK_THAT(queue.failures[0].reason, StartsWith("output cannot be read: ") && Contains(reason));
  CHECK(queue.failures[0].exit_status == 0);
  CHECK_NOTHROW(Json(queue.failures[0].reason).dump());
  CHECK_FALSE(queue.failures[0].reason.find("frame #") != std::string::npos);
}

TEST_CASE("labels are read from npy files as they are", "[label]") {
  const toy::Folder folder;
  const torch::Tensor field = torch::arange(6, torch::kFloat32).reshape({2, 3});
  write_npy(folder / "field.npy", field);
  Queue queue(folder / "runs", 1);
  ProcessLabelOptions options = guarded("cp ../../field.npy u.npy");
  options.outputs = {{"y", "u.npy"}};
  SECTION("whole") {
    run(ProcessLabel(options), queue);
    REQUIRE(queue.accepted.size() == 1);
    CHECK(queue.accepted[0]["y"].scalar_type() == torch::kFloat32);
    CHECK(queue.accepted[0]["y"].equal(field));
  }
  SECTION("cut short") {
    options.command.back() = "head -c 140 ../../field.npy > u.npy";
    run(ProcessLabel(options), queue);
    CHECK(queue.accepted.empty());
    CHECK_THAT(queue.failures.at(0).reason, StartsWith("output cannot be read: [assay.npy]"));
  }
  SECTION("bigger than may be read") {
    options.read_limit = 20;
    run(ProcessLabel(options), queue);
    CHECK(queue.accepted.empty());
    CHECK_THAT(queue.failures.at(0).reason, Contains("read_limit"));
  }
}

TEST_CASE("a program that returns NaN is judged by the campaign, and its directory stays", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  run(ProcessLabel(json_output("echo '{\"y\": \"nan\"}' > out.json")), queue);
  CHECK(queue.failures.empty());
  CHECK(std::isnan(queue.accepted.at(0).scalar("y")));
  CHECK(std::filesystem::exists(folder / "0_1/out.json"));
}

TEST_CASE("a program that dies by a signal is recorded with it", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  run(ProcessLabel(guarded("echo 1 > y.txt; kill -ABRT $$"), {}, read_y), queue);
  CHECK(queue.accepted.empty());
  CHECK(queue.failures.at(0).reason == "ended by signal 6 (Aborted)");
  CHECK_FALSE(queue.failures.at(0).exit_status);
}

TEST_CASE("what a program prints is kept as valid UTF-8", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  SECTION("garbage among good characters") {
    run(ProcessLabel(guarded("printf 'a\\377\\303\\251\\355\\240\\200\\300\\257\\342\\202'; exit 1"), {}, read_y),
        queue);
    const std::string bad = "\xEF\xBF\xBD";
    CHECK(queue.failures.at(0).output == "a" + bad + "\xC3\xA9" + bad + bad + bad + bad + bad + bad + bad);
  }
  SECTION("garbage alone") {
    run(ProcessLabel(guarded("head -c 100000 /dev/urandom; exit 1"), {}, read_y), queue);
    CHECK(std::filesystem::file_size(folder / "0_1/.assay/output.txt") == 100000);
  }
  CHECK_NOTHROW(Json(queue.failures.at(0).output).dump());
}

TEST_CASE("no descriptor and no zombie stays behind", "[label][threads]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 50);
  ProcessLabelOptions options = guarded(
      "case $(cat x.txt) in *1) exit 3;; *2) kill -KILL $$;; *3) setsid sleep 1000 & ;; *4) exec >&- 2>&-;; esac; "
      "echo 1 > y.txt");
  options.parallel = 5;
  options.file_limit = 100'000;
  const std::size_t before = open_descriptors();
  run(ProcessLabel(options, write_x, read_y), queue);
  CHECK(open_descriptors() == before);
  CHECK(queue.accepted.size() == 40);
  CHECK(queue.failures.size() == 10);
  siginfo_t info{};
  CHECK((::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0));
}

TEST_CASE("a template that cannot be used ends the phase and fails no sample", "[label]") {
  const toy::Folder folder;
  Queue queue(folder / "runs", 2);
  ProcessLabelOptions options = shell("cp in.txt y.txt");
  options.templates = {{"in.txt", folder / "template"}};
  std::string got;
  std::size_t left = 2;
  SECTION("missing") { got = "a template that can be read"; }
  SECTION("a folder") {
    std::filesystem::create_directory(folder / "template");
    got = "a template that can be read";
  }
  SECTION("without an end") {
    std::ofstream(folder / "template") << "{{x";
    got = "'}}' after '{{'";
  }
  SECTION("an unknown name") {
    std::ofstream(folder / "template") << "{{x}} {{width}}";
    got = "the name of an input: x, got {{width}}";
    left = 1;  // the one that was taken is marked as interrupted by the campaign
  }
  try {
    run(ProcessLabel(options, {}, read_y), queue);
    FAIL("nothing was thrown");
  } catch (const LabelError& error) {
    CHECK(error.id() == "assay.label.template");
    CHECK_THAT(error.what(), Contains((folder / "template").string()) && Contains(got));
  }
  CHECK(queue.failures.empty());
  CHECK(queue.handles.empty());
  CHECK(queue.waiting.size() == left);
}

TEST_CASE("templates are read once, for all samples", "[label]") {
  const toy::Folder folder;
  std::ofstream(folder / "template") << "{{x}} and {{x}}";
  Queue queue(folder / "runs", 3);
  queue.on_start = [&] { std::filesystem::remove(folder / "template"); };
  ProcessLabelOptions options = guarded("cp in.txt y.txt");
  options.templates = {{"in.txt", folder / "template"}};
  run(ProcessLabel(options, {}, read_y), queue);
  REQUIRE(queue.accepted.size() == 3);
  CHECK(queue.accepted[2].scalar("y") == 2);
}

TEST_CASE("interrupted attempts are none of those that a sample has", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 0);
  queue.waiting.push_back({.id = 0, .attempt = 4, .failures = 0});
  ProcessLabelOptions options = guarded("exit 1");
  options.attempts = 2;
  run(ProcessLabel(options, {}, read_y), queue);
  REQUIRE(queue.failures.size() == 2);
  CHECK(queue.failures[0].verdict == Verdict::retry);
  CHECK(queue.failures[1].verdict == Verdict::failed);
}

TEST_CASE("a simulation whose runner dies without a word while the campaign stops is given back", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  queue.on_start = [&] {
    queue.stop = true;
    ::kill(std::stoi(queue.handles.back().substr(std::string("process ").size())), SIGKILL);
  };
  run(ProcessLabel(guarded("sleep 1000"), {}, read_y), queue);
  CHECK(queue.given_back == std::vector<SampleId>{0});
  CHECK(queue.failures.empty());
}

TEST_CASE("an exception of one worker ends what the others run and what they would take", "[label][threads]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 4);
  SECTION("programs") {
    // Both have started when the first is in trouble; the second would run for long.
    queue.on_start = [&] {
      if (queue.handles.size() == 2) throw std::runtime_error("the ledger is full");
    };
    ProcessLabelOptions options = guarded("sleep 1000");
    options.time_limit = 1h;
    options.parallel = 2;
    CHECK_THROWS_WITH(run(ProcessLabel(options, {}, read_y), queue), "the ledger is full");
    CHECK(queue.failures.empty());
    CHECK(queue.given_back.size() == 1);
    CHECK(queue.waiting.size() == 3);  // two that nobody took, and the one that was ended
  }
  SECTION("functions") {
    // The second call waits until the first has thrown, and some more.
    std::atomic<bool> thrown{false};
    queue.refuse = [&](const Job& job) {
      if (job.id != 0) return;
      thrown = true;
      throw std::runtime_error("the ledger is full");
    };
    for (SampleId id = 4; id < 20000; ++id) queue.waiting.push_back({id});
    CHECK_THROWS_WITH(run(FunctionLabel({.provides = {"y"}, .threads = 2},
                                        [&](const Values& x) -> Values {
                                          while (x.scalar("x") != 0 && !thrown) std::this_thread::yield();
                                          if (thrown) std::this_thread::sleep_for(1ms);
                                          return x;
                                        }),
                          queue),
                      "the ledger is full");
    CHECK_FALSE(queue.waiting.empty());
  }
}

TEST_CASE("a campaign records what its programs did, and goes on", "[label]") {
  const toy::Folder folder;
  ProcessLabelOptions options = json_output(
      "n=$(ls .. | wc -l); case $n in 1) printf 'bad \\377'; exit 3;; 2) echo '{\"y\": \"nan\"}' > out.json;; "
      "3) kill -SEGV $$;; 4) ;; *) echo \"{\\\"y\\\": $n}\" > out.json;; esac");
  options.keep = KeepDirectories::all;
  Driver driver(toy::options(folder / "c"), toy::pools(), toy::mlp(), Random({.max_samples = 4}), ProcessLabel(options),
                NoMetrology(), toy::loop());
  driver.run();
  CHECK(driver.counts().failed == 4);
  CHECK(driver.counts().labels == 8);
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", folder / "c/labels/objects");
  std::vector<LedgerAttempt> failed;
  for (const SampleId id : ledger.in_state(SampleState::failed)) failed.push_back(ledger.attempts(id).back());
  std::sort(failed.begin(), failed.end(), [](const auto& a, const auto& b) { return a.directory < b.directory; });
  std::vector<std::string> reasons;
  for (const LedgerAttempt& attempt : failed) reasons.push_back(attempt.reason + attempt.output);
  CHECK_NOTHROW(Json(reasons).dump());
  const auto said = [&](const std::string& text) {
    return std::any_of(reasons.begin(), reasons.end(),
                       [&](const std::string& reason) { return reason.find(text) != std::string::npos; });
  };
  CHECK(said("exit code 3"));
  CHECK(said("label refused"));
  CHECK(said("signal 11"));
  CHECK(said("output cannot be read"));
}

TEST_CASE("a campaign keeps every sample queued when its template is wrong", "[label]") {
  const toy::Folder folder;
  std::ofstream(folder / "template") << "{{a}} {{c}}";
  ProcessLabelOptions options = json_output("true");
  options.templates = {{"in.txt", folder / "template"}};
  {
    Driver driver(toy::options(folder / "c"), toy::pools(), toy::mlp(), Random({.max_samples = 4}),
                  ProcessLabel(options), NoMetrology(), toy::loop());
    CHECK_THROWS_WITH(driver.run(), Contains("assay.label.template") && Contains("{{c}}"));
  }
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", folder / "c/labels/objects");
  CHECK(ledger.count(SampleState::queued) == 4);
  CHECK(ledger.count(SampleState::failed) == 0);
}
