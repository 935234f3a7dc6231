// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/jobs.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/label/process_label.hpp>

#include <assay/ledger.hpp>
#include <assay/round_files.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

using namespace assay;
using namespace jobs;

TEST_CASE("a program's input and output go through functions", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 3);
  run(ProcessLabel(shell("echo $(( $(cat x.txt) * 2 )) > y.txt"), write_x, read_y), queue);
  CHECK(queue.failures.empty());
  REQUIRE(queue.accepted.size() == 3);
  CHECK(queue.accepted[2].scalar("y") == 4);
  CHECK(queue.handles.size() == 3);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a program's input and output go through templates and JSON", "[label]") {
  const toy::Folder folder;
  std::ofstream(folder / "template.json") << R"({"out": {"y": [[{{x}}, 1], [2, 3]]}})";
  Queue queue(folder / "runs", 2);
  ProcessLabelOptions options = shell("cp in.json out.json");
  options.templates = {{"in.json", folder / "template.json"}};
  options.outputs = {{"y", "out.json#/out/y"}};
  run(ProcessLabel(options), queue);
  REQUIRE(queue.accepted.size() == 2);
  CHECK(queue.accepted[1].numbers("y") == std::vector<double>{1, 1, 2, 3});
  CHECK(queue.accepted[1]["y"].sizes() == torch::IntArrayRef{2, 2});
}

TEST_CASE("failures say what happened with the tail of the output", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  SECTION("exit code") {
    run(ProcessLabel(shell("echo oh no; exit 3"), {}, read_y), queue);
    CHECK(queue.failures.at(0).reason == "exit code 3");
    CHECK(queue.failures.at(0).exit_status == 3);
    CHECK(queue.failures.at(0).output == "oh no\n");
    CHECK(std::filesystem::exists(folder / "0_1/.assay/output.txt"));
  }
  SECTION("signal") {
    run(ProcessLabel(shell("kill -SEGV $$"), {}, read_y), queue);
    CHECK_THAT(queue.failures.at(0).reason, Contains("signal 11"));
  }
  SECTION("garbage") {
    run(ProcessLabel(shell("echo words > y.txt"), {}, read_y), queue);
    CHECK_THAT(queue.failures.at(0).reason, Contains("output cannot be read: y.txt holds no number"));
  }
  SECTION("an input that cannot be written") {
    run(ProcessLabel(
            shell("true"), [](const auto&, const auto&) { throw std::runtime_error("no ink"); }, read_y),
        queue);
    CHECK_THAT(queue.failures.at(0).reason, Contains("input files: no ink"));
  }
  CHECK(queue.accepted.empty());
}

TEST_CASE("a hanging program is ended with everything it started", "[label]") {
  const toy::Folder folder;
  const EndedAtLimit ended = run_to_limit(folder.path(), shell("sleep 1000 & echo $! > ../child; wait"), "child");
  CHECK_THAT(ended.failure.reason, Contains("not done after"));
  CHECK(ends(process_in(ended.folder / "child")));
}

TEST_CASE("a program that fills its output is cut, not kept", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = shell("head -c 3000000 /dev/zero | tr '\\0' a; echo end; exit 1");
  options.output_limit = 1000;
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK(std::filesystem::file_size(folder / "0_1/.assay/output.txt") == 1000);
  CHECK_THAT(queue.failures.at(0).output, Contains("end"));
  CHECK(queue.failures.at(0).output.size() <= 2000);
}

TEST_CASE("a sample is tried as often as configured, in a fresh directory each time", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = shell(
      "test ! -e y.txt && test -e ../second && echo 5 > y.txt || { touch ../second; exit 1; }");
  options.attempts = 3;
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK(queue.failures.size() == 1);
  CHECK(queue.accepted.at(0).scalar("y") == 5);
}

TEST_CASE("a missing program ends the phase and keeps the samples", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 1);
  ProcessLabelOptions options = shell("");
  options.command = {"no_such_solver"};
  CHECK_THROWS_WITH(run(ProcessLabel(options, {}, read_y), queue), Contains("no_such_solver"));
  CHECK(queue.failures.empty());
  CHECK(queue.waiting.size() == 1);
  CHECK_THROWS_WITH(ProcessLabel({}), Contains("process/command"));
}

TEST_CASE("several programs run at once, and a stop ends them all", "[label][threads]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 6);
  // Each waits until three have started: this ends only if they really run side by side.
  ProcessLabelOptions options = shell(
      "touch ../started_$$; while [ $(ls .. | grep -c started) -lt 3 ]; do sleep 0.01; done; echo 1 > y.txt");
  options.parallel = 3;
  options.time_limit = std::chrono::seconds(60);
  run(ProcessLabel(options, {}, read_y), queue);
  CHECK(queue.accepted.size() == 6);

  Queue stopped(folder / "stopped", 4);
  stopped.on_start = [&] { stopped.stop = true; };
  ProcessLabelOptions endless = shell("sleep 1000");
  endless.parallel = 2;
  run(ProcessLabel(endless, {}, read_y), stopped);
  CHECK(stopped.accepted.empty());
  CHECK(stopped.failures.empty());
}

TEST_CASE("a function's exceptions become failures", "[label][threads]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 40);
  run(FunctionLabel({.provides = {"y"}, .threads = 4},
                    [](const Values& x) -> Values {
                      if (x.scalar("x") == 7) throw std::runtime_error("seven");
                      return {{"y", 2 * x.scalar("x")}};
                    }),
      queue);
  CHECK(queue.accepted.size() == 39);
  REQUIRE(queue.failures.size() == 1);
  CHECK(queue.failures[0].reason == "seven");
}

namespace {

/// Keeps how many ended together.
class CountingQueue final : public Queue {
 public:
  using Queue::Queue;
  std::vector<bool> tell(std::span<const Ended> ended) override {
    {
      const std::lock_guard lock(mutex_);
      told.push_back(ended.size());
    }
    return Queue::tell(ended);
  }
  std::vector<std::size_t> told;

 private:
  std::mutex mutex_;
};

FunctionLabel twice(std::int64_t threads, std::chrono::milliseconds takes) {
  return FunctionLabel({.provides = {"y"}, .threads = threads}, [takes](const Values& x) -> Values {
    std::this_thread::sleep_for(takes);
    return {{"y", 2 * x.scalar("x")}};
  });
}

}  // namespace

TEST_CASE("calls that take microseconds are told together, each as its own", "[label]") {
  const toy::Folder folder;
  CountingQueue queue(folder.path(), 400);
  run(FunctionLabel({.provides = {"y"}},
                    [](const Values& x) -> Values {
                      if (x.scalar("x") == 7) throw std::runtime_error("seven");
                      return {{"y", 2 * x.scalar("x")}};
                    }),
      queue);
  CHECK(queue.accepted.size() == 399);
  for (const auto& [id, labels] : queue.accepted) CHECK(labels.scalar("y") == 2.0 * static_cast<double>(id));
  REQUIRE(queue.failures.size() == 1);
  CHECK(queue.failures[0].reason == "seven");
  CHECK(queue.told.front() == 1);
  CHECK(*std::max_element(queue.told.begin(), queue.told.end()) > 1);
}

TEST_CASE("calls that are worth a commit are told one by one, as are those of several threads", "[label][threads]") {
  const toy::Folder folder;
  CountingQueue slow(folder.path(), 5), shared(folder.path(), 40);
  run(twice(1, std::chrono::milliseconds(6)), slow);
  CHECK(slow.told == std::vector<std::size_t>(5, 1));
  run(twice(2, std::chrono::milliseconds(0)), shared);
  CHECK(shared.told == std::vector<std::size_t>(40, 1));
}

TEST_CASE("a stop between quick calls leaves the samples that were reserved as if nobody had", "[label]") {
  const toy::Folder folder;
  int calls = 0;
  std::atomic<bool> stop{false};
  const auto stopping = [&](const Values& x) {
    if (++calls == 3) stop = true;
    return toy::solve(x);
  };
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::if_present;
  Pools pools = toy::pools();
  pools.labeled = Values(sobol(toy::space(), 16));
  const auto run_once = [&](FunctionLabel label) {
    Driver driver(options, pools, toy::ensemble(), MaxVariance({.max_samples = 4}), std::move(label), Metrics(Rmse()),
                  toy::loop());
    driver.stop_when(stop);
    return driver.run();
  };
  CHECK(run_once({{.provides = {"y"}}, stopping}) == RunStatus::stopped);
  CHECK(calls == 3);
  {
    const Ledger ledger = Ledger::open_read_only(folder / "c" / "ledger.sqlite", folder / "c" / "labels" / "objects");
    CHECK(ledger.counts().simulations == 3);
    CHECK(ledger.count(SampleState::queued) == 13);
    for (const SampleId id : ledger.in_state(SampleState::queued)) CHECK(ledger.attempts(id).empty());
  }
  stop = false;
  CHECK(run_once(toy::label()) == RunStatus::finished);
}

namespace {

/// Takes three at once, and ends each in another way.
struct Reserving {
  bool first = true;
  std::vector<std::string> provides() const { return {"y"}; }
  void label(LabelContext& context) {
    if (std::exchange(first, false)) {
      const std::vector<Job> jobs = context.reserve(3);
      context.accept(jobs.at(0), toy::solve(jobs[0].inputs));
      context.fail(jobs.at(1), "diverged");
      context.give_back(jobs.at(2));
    }
    while (const std::optional<Job> job = context.next()) context.accept(*job, toy::solve(job->inputs));
  }
};

}  // namespace

TEST_CASE("what was reserved is accepted, failed or given back as what was handed out one by one", "[label]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 0;
  Driver driver(std::move(options),
                Pools{.labeled = Values(sobol(toy::space(), 16)), .unlabeled = sobol(toy::space(), 60, {.skip = 16})},
                toy::ensemble(), MaxVariance({.max_samples = 4}), Reserving(), Metrics(Rmse()), toy::loop());
  driver.run();
  CHECK(driver.labeled().size() == 15);
  CHECK(driver.report()["simulations"] == 16);
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
  CHECK(ledger.in_state(SampleState::failed) == std::vector<SampleId>{1});
  CHECK(ledger.attempts(1).size() == 1);
  CHECK(ledger.attempts(2).size() == 1);
}

TEST_CASE("a function says that a design is infeasible, and that is no failure", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 3);
  run(FunctionLabel({.provides = {"y"}},
                    [](const Values& x) -> Values {
                      if (x.scalar("x") == 0) throw Infeasible("no wing");
                      if (x.scalar("x") == 1) throw std::runtime_error("diverged");
                      return {{"y", 1.0}};
                    }),
      queue);
  REQUIRE(queue.failures.size() == 2);
  CHECK(queue.failures[0].reason == "no wing");
  CHECK(queue.failures[0].verdict == Verdict::infeasible);
  CHECK(queue.failures[1].verdict == Verdict::failed);
}

TEST_CASE("who writes the input or reads the output of a program says that a design is infeasible", "[label]") {
  const toy::Folder folder;
  Queue queue(folder.path(), 2);
  ProcessLabelOptions options = shell("echo the hole is too wide; echo 1 > y.txt");
  options.attempts = 3;  // an infeasible design has one
  const auto writes = [](const std::filesystem::path& directory, const Values& x) {
    if (x.scalar("x") == 0) throw Infeasible("no mesh");
    write_x(directory, x);
  };
  const auto reads = [](const std::filesystem::path&) -> Values { throw Infeasible("the bolt does not fit"); };
  run(ProcessLabel(options, writes, reads), queue);
  REQUIRE(queue.failures.size() == 2);
  CHECK(queue.failures[0].reason == "no mesh");
  CHECK(queue.failures[1].reason == "the bolt does not fit");
  CHECK(queue.failures[1].output == "the hole is too wide\n");
  CHECK(queue.failures[1].exit_status == 0);
  for (const Outcome& failure : queue.failures) CHECK(failure.verdict == Verdict::infeasible);
}

TEST_CASE("an exit code that means infeasible is counted as spent, and never offered again", "[label]") {
  const toy::Folder folder;
  ProcessLabelOptions options = shell("echo run >> ../../runs; echo no design; exit 7");
  options.infeasible_status = 7;
  options.attempts = 3;
  DriverOptions campaign = toy::options(folder / "c");
  campaign.label_budget = 6;
  const auto driver = [&] {
    return Driver(campaign, toy::pools(), toy::mlp(), Random({.max_samples = 4}), ProcessLabel(options, {}, read_y),
                  NoMetrology(), toy::loop());
  };
  std::vector<SampleId> infeasible;
  {
    auto first = driver();
    CHECK(first.run() == RunStatus::finished);
    CHECK(first.report().at("finished_by") == "label_budget");
    CHECK(first.counts().infeasible == 6);
    CHECK(first.counts().failed == 0);
    CHECK(first.counts().simulations == 6);
    const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", folder / "c/labels/objects");
    infeasible = ledger.in_state(SampleState::infeasible);
    REQUIRE(infeasible.size() == 6);
    const std::vector<LedgerAttempt> attempts = ledger.attempts(infeasible.front());
    REQUIRE(attempts.size() == 1);
    CHECK(attempts[0].outcome == "infeasible");
    CHECK(attempts[0].exit_status == 7);
    CHECK(attempts[0].output == "no design\n");
  }
  // With more to spend, other designs are chosen.
  campaign.label_budget = 8;
  campaign.resume = Resume::required;
  auto second = driver();
  CHECK(second.run() == RunStatus::finished);
  CHECK(second.counts().infeasible == 8);
  const std::vector<SampleId> left = second.unlabeled().ids();
  for (const SampleId id : infeasible) CHECK(std::find(left.begin(), left.end(), id) == left.end());
  std::ifstream runs(folder / "c/runs");
  CHECK(std::count(std::istreambuf_iterator<char>(runs), {}, '\n') == 8);
}
