// SPDX-License-Identifier: Apache-2.0
// Equal designs are one design: chosen once, simulated once, paid once.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

using namespace assay;

namespace {

const Space& ribs() {
  static const Space space{{.name = "ribs", .low = 1, .high = 6, .kind = Kind::integer}};
  return space;
}

Mlp learner() { return Mlp({.inputs = {"ribs"}, .targets = {"f"}, .hidden = {4}}); }

/// Counts how often each design is simulated. From `breaks` ribs on the solver fails.
struct Solver {
  std::map<double, int>* calls;
  double breaks = 100;
  Values operator()(const Values& x) const {
    const double n = x.scalar("ribs");
    ++(*calls)[n];
    if (n >= breaks) throw std::runtime_error("too many ribs");
    return {{"f", n * n}};
  }
};

template <class Label>
auto discrete(DriverOptions options, Label label, Pools pools) {
  return Driver(std::move(options), std::move(pools), learner(), Random({.max_samples = 4}), std::move(label),
                NoMetrology(), toy::loop(2));
}

Pools discrete_pools() { return {.labeled = sobol(ribs(), 4), .unlabeled = sobol(ribs(), 200, {.skip = 1000})}; }

FunctionLabel solver_label(Solver solver) { return {{.provides = {"f"}, .function = "solve"}, solver}; }

}  // namespace

TEST_CASE("candidates of equal designs are one, and a design that is labeled is none", "[driver][equal][f3]") {
  const toy::Folder folder;
  std::map<double, int> calls;
  auto driver = discrete({.dir = folder / "c", .max_rounds = 3, .label_budget = 12}, solver_label({&calls}),
                         discrete_pools());
  driver.run();
  CHECK(calls.size() == 6);
  for (const auto& [n, times] : calls) CHECK(times == 1);
  CHECK(driver.counts().simulations == 6);
  CHECK(driver.report()["finished_by"] == "no_candidates");
  std::set<double> trained;
  for (const double n : driver.labeled().all().numbers("ribs")) trained.insert(n);
  CHECK(trained.size() == 6);
}

TEST_CASE("copies cost no budget", "[driver][equal][f3]") {
  const toy::Folder folder;
  std::map<double, int> calls;
  Values first;
  first.set("ribs", torch::tensor({1.0, 2.0, 2.0, 1.0, 2.0}, torch::kFloat64));
  auto driver = discrete({.dir = folder / "c", .max_rounds = 9, .label_budget = 5}, solver_label({&calls}),
                         {.labeled = first, .unlabeled = sobol(ribs(), 200, {.skip = 1000})});
  driver.run();
  CHECK(driver.counts().simulations == 5);
  CHECK(driver.counts().labels == 8);
  CHECK(driver.report()["finished_by"] == "label_budget");
}

TEST_CASE("a design that failed is not chosen again in another copy", "[driver][equal][f3]") {
  const toy::Folder folder;
  std::map<double, int> calls;
  Values first;
  first.set("ribs", torch::tensor({1.0, 2.0}, torch::kFloat64));
  auto driver = discrete({.dir = folder / "c", .max_rounds = 5}, solver_label({&calls, 5}),
                         {.labeled = first, .unlabeled = sobol(ribs(), 200, {.skip = 1000})});
  driver.run();
  CHECK(calls == std::map<double, int>{{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}});
  CHECK(driver.counts().failed == 2);
  CHECK(driver.counts().labels == 4);
}

TEST_CASE("which copies are left out is the same in every session", "[driver][equal][f3]") {
  const toy::Folder folder;
  std::map<double, int> whole, parts;
  discrete({.dir = folder / "whole", .max_rounds = 3}, solver_label({&whole}), discrete_pools()).run();
  for (int session = 0; session < 20; ++session) {
    int left = 1;
    std::atomic<bool> stop{false};
    auto driver = discrete({.dir = folder / "parts", .max_rounds = 3, .resume = Resume::if_present},
                           FunctionLabel({.provides = {"f"}, .function = "solve"},
                                         [&](const Values& x) {
                                           if (--left == 0) stop = true;
                                           return Solver{&parts}(x);
                                         }),
                           discrete_pools());
    driver.stop_when(stop);
    if (driver.run() == RunStatus::finished) break;
  }
  CHECK(whole == parts);
}

TEST_CASE("candidates that differ in any field are not one design", "[driver][equal][f3]") {
  // The learner does not see the mesh, the solver does.
  const toy::Folder folder;
  Values candidates;
  candidates.set("ribs", torch::tensor({3.0, 3.0, 3.0, 4.0}, torch::kFloat64));
  candidates.set("mesh", torch::tensor({1, 2, 2, 1}, torch::kInt64));
  std::map<double, int> calls;
  Values first;
  first.set("ribs", torch::tensor({1.0, 2.0}, torch::kFloat64)).set("f", torch::tensor({1.0, 4.0}, torch::kFloat64));
  const auto driver = discrete({.dir = folder / "c", .max_rounds = 2}, solver_label({&calls}),
                               {.labeled = first, .unlabeled = candidates});
  CHECK(driver.unlabeled().size() == 3);
  const std::vector<SampleId> ids = driver.unlabeled().ids();
  CHECK(ids == std::vector<SampleId>{2, 3, 5});  // the first of each stays
}

TEST_CASE("replicates of a noisy solver stay candidates", "[driver][equal][f3]") {
  const toy::Folder folder;
  std::map<double, int> calls;
  auto driver = discrete({.dir = folder / "c", .max_rounds = 2, .duplicates = Duplicates::replicate},
                         solver_label({&calls}), discrete_pools());
  CHECK(driver.unlabeled().size() == 200);
  driver.run();
  CHECK(driver.counts().simulations == 12);
}

TEST_CASE("a sample whose twin is being simulated waits for the twin's label", "[driver][equal][survivors]") {
  struct TwoAtOnce {
    std::vector<std::size_t>* at_once;
    std::vector<std::string> provides() const { return {"f"}; }
    void label(LabelContext& context) {
      std::vector<Job> jobs;
      while (std::optional<Job> job = context.next()) jobs.push_back(std::move(*job));
      at_once->push_back(jobs.size());
      for (const Job& job : jobs) context.accept(job, {{"f", job.inputs.scalar("ribs")}});
    }
  };
  const toy::Folder folder;
  Values first;
  first.set("ribs", torch::tensor({1.0, 2.0, 2.0, 1.0, 2.0}, torch::kFloat64));
  std::vector<std::size_t> at_once;
  auto driver = discrete({.dir = folder / "c", .max_rounds = 0}, TwoAtOnce{&at_once}, {.labeled = first});
  driver.run();
  CHECK(at_once.front() == 2);
  CHECK(driver.counts().simulations == 2);
  CHECK(driver.counts().labels == 5);
  CHECK(driver.labeled().all().numbers("f") == std::vector<double>{1, 2, 2, 1, 2});
}

TEST_CASE("threads that label at once simulate equal samples once", "[driver][threads][survivors]") {
  const toy::Folder folder;
  Values first;
  first.set("ribs", torch::tensor({1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0}, torch::kFloat64));
  std::mutex mutex;
  std::condition_variable all_in;
  std::map<double, int> calls;
  auto driver = discrete({.dir = folder / "c", .max_rounds = 0},
                         FunctionLabel({.provides = {"f"}, .threads = 4, .function = "solve"},
                                       [&](const Values& x) -> Values {
                                         // None returns before each design is under way: twins meet it running.
                                         std::unique_lock lock(mutex);
                                         ++calls[x.scalar("ribs")];
                                         all_in.notify_all();
                                         const bool met = all_in.wait_for(lock, std::chrono::seconds(60),
                                                                          [&] { return calls.size() == 3; });
                                         if (!met) throw std::runtime_error("the three designs never met");
                                         return {{"f", x.scalar("ribs")}};
                                       }),
                         {.labeled = first});
  driver.run();
  CHECK(calls == std::map<double, int>{{1, 1}, {2, 1}, {3, 1}});
  CHECK(driver.counts().labels == 9);
}
