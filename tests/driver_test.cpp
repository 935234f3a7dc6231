// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/crash.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random.hpp>

#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

using namespace assay;

namespace {

std::string finished_hash(const DriverOptions& options) {
  toy::Driver driver = toy::driver(options);
  driver.run();
  CHECK(driver.finished());
  return campaign_hash(options.dir);
}

struct Recorder {
  std::vector<Phase>* phases;
  void observe(const Event& event) {
    if (event.kind == Event::Kind::phase_started) phases->push_back(event.phase);
  }
};

}  // namespace

TEST_CASE("a campaign goes through its phases in order and ends with a final training", "[driver]") {
  const toy::Folder folder;
  std::vector<Phase> phases;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 1;
  options.observers.push_back(Recorder{&phases});
  toy::Driver driver = toy::driver(options);
  CHECK(driver.run() == RunStatus::finished);
  const std::vector<Phase> expected{Phase::training,         Phase::metrology, Phase::query,    Phase::labeling,
                                    Phase::data_integration, Phase::training,  Phase::metrology};
  CHECK((phases == expected));
  CHECK(driver.labeled().size() == 20);
  CHECK(driver.unlabeled().size() == 56);
  CHECK(driver.counts().labels == 4);
  // Labels are those of the solver, and the picked samples have left the candidates.
  const Values all = driver.labeled().all();
  CHECK(torch::allclose(all["y"], (all["a"] * 3).sin() * all["b"] + 10));
  for (const SampleId id : driver.labeled().ids()) {
    const auto left = driver.unlabeled().ids();
    CHECK(std::find(left.begin(), left.end(), id) == left.end());
  }
  for (const char* file : {"campaign.json", "ledger.sqlite", "metrics.jsonl", "log.jsonl"}) {
    CHECK(std::filesystem::exists(folder / "c" / file));
  }
}

TEST_CASE("a campaign gives the same result every time, and another with another seed", "[driver]") {
  const toy::Folder folder;
  DriverOptions other = toy::options(folder / "other");
  other.seed = 6;
  const std::string hash = finished_hash(toy::options(folder / "one"));
  CHECK(hash == finished_hash(toy::options(folder / "two")));
  CHECK(hash != finished_hash(other));
}

TEST_CASE("a campaign that crashes anywhere resumes to the same result", "[driver]") {
  const toy::Folder folder;
  const std::string hash = finished_hash(toy::options(folder / "whole"));
  const auto kind = GENERATE(Event::Kind::phase_started, Event::Kind::phase_finished, Event::Kind::epoch_finished,
                             Event::Kind::simulation_done, Event::Kind::message);
  for (const int at : {1, 2, 4, 7}) {
    const auto dir = folder / ("crashed_" + std::string(to_string(kind)) + std::to_string(at));
    DriverOptions options = toy::options(dir);
    options.checkpoint_every_epochs = 2;
    options.observers.push_back(Crash{kind, at});
    CHECK_THROWS_WITH(toy::driver(options).run(), Contains("crash"));
    DriverOptions again = toy::options(dir);
    again.resume = Resume::if_present;
    INFO(to_string(kind) << " " << at);
    CHECK(finished_hash(again) == hash);
  }
}

TEST_CASE("a stopped campaign goes on in the same driver and in a new one", "[driver]") {
  const toy::Folder folder;
  const std::string hash = finished_hash(toy::options(folder / "whole"));
  toy::Driver* running = nullptr;
  DriverOptions options = toy::options(folder / "stopped");
  struct Stop {
    toy::Driver** driver;
    bool done = false;
    void observe(const Event& event) {
      if (done || event.kind != Event::Kind::simulation_done || event.round != 2 || event.done != 2) return;
      done = true;
      (*driver)->request_stop();
    }
  };
  options.observers.push_back(Stop{&running});
  {
    toy::Driver driver = toy::driver(options);
    running = &driver;
    CHECK(driver.run() == RunStatus::stopped);
    CHECK(driver.round() == 2);
    CHECK(driver.run() == RunStatus::finished);
  }
  CHECK(campaign_hash(folder / "stopped") == hash);
}

TEST_CASE("more rounds continue a finished campaign as if it had been longer", "[driver]") {
  const toy::Folder folder;
  const std::string hash = finished_hash(toy::options(folder / "long"));
  DriverOptions shorter = toy::options(folder / "short");
  shorter.max_rounds = 1;
  finished_hash(shorter);
  DriverOptions longer = toy::options(folder / "short");
  longer.resume = Resume::required;
  CHECK(finished_hash(longer) == hash);
}

TEST_CASE("as many checkpoints are kept as the options of the session say, the newest of them", "[driver]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::if_present;
  // Each session writes a checkpoint at its end, whatever it leaves out before.
  const auto kept_after = [&](std::int64_t rounds, std::int64_t keep) {
    options.max_rounds = rounds;
    options.keep_checkpoints = keep;
    toy::driver(options).run();
    const std::vector<std::filesystem::path> folders = checkpoint_folders(folder / "c");
    REQUIRE_FALSE(folders.empty());
    CHECK(read_checkpoint(folders.front()).json.at("position").at("finished") == true);
    return folders.size();
  };
  kept_after(1, 2);
  CHECK(kept_after(2, 2) == 2);
  CHECK(kept_after(3, 2) == 2);
  CHECK(kept_after(4, 1) == 1);
}

TEST_CASE("ask and tell do what run does", "[driver]") {
  const toy::Folder folder;
  const std::string hash = finished_hash(toy::options(folder / "run"));
  Driver driver(toy::options(folder / "ask"), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}),
                ExternalLabel({.provides = {"y"}}), Metrics(Rmse(), R2()), toy::loop());
  while (driver.advance() == RunStatus::waiting) {
    std::vector<Sample> samples = driver.ask(8);
    CHECK(samples.size() == 4);
    CHECK(driver.ask(8).empty());
    std::reverse(samples.begin(), samples.end());  // told in another order
    for (const Sample& sample : samples) CHECK(driver.tell(sample.id, done(toy::solve(sample.values))));
    const Sample& first = samples.front();
    CHECK(driver.tell(first.id, done(toy::solve(first.values))));  // the same again
    CHECK_THROWS_WITH(driver.tell(first.id, done({{"y", 0.0}})), Contains("assay.label.told"));
    CHECK_THROWS_WITH(driver.tell(first.id, failed("no")), Contains("assay.label.told"));
  }
  CHECK(campaign_hash(folder / "ask") == hash);
  CHECK_THROWS_AS(driver.tell(99999, failed("no")), LabelError);
}

TEST_CASE("failed and refused samples are kept with their reason, and the campaign goes on", "[driver]") {
  const toy::Folder folder;
  int calls = 0;
  const FunctionLabel label({.provides = {"y"}}, [&](const Values& x) -> Values {
    switch (++calls) {
      case 1: throw std::runtime_error("diverged");
      case 2: return {{"z", 1.0}};
      case 3: return {{"y", std::numeric_limits<double>::infinity()}};
      case 6: return {{"y", std::vector<double>{1, 2}}};
      default: return toy::solve(x);
    }
  });
  toy::Driver driver = toy::driver(toy::options(folder / "c"), label);
  driver.run();
  CHECK(driver.counts().failed == 4);
  CHECK(driver.counts().labels == 8);
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", folder / "c/labels/objects");
  std::vector<std::string> reasons;
  for (const LedgerEntry& entry : ledger.entries()) {
    if (entry.state == SampleState::failed) reasons.push_back(ledger.attempts(entry.id).back().reason);
  }
  REQUIRE(reasons.size() == 4);
  CHECK(reasons[0] == "diverged");
  CHECK_THAT(reasons[1], Contains("lacks the promised value 'y'"));
  CHECK_THAT(reasons[2], Contains("inf"));
  CHECK_THAT(reasons[3], Contains("Double [2]"));
}

TEST_CASE("pools without targets are simulated in round 0 and count against the budget", "[driver]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 10;
  options.label_budget = 20;
  Driver driver(options,
                {.labeled = assay::sobol(toy::space(), 8),
                 .unlabeled = assay::sobol(toy::space(), 40),
                 .validation = assay::sobol(toy::space(), 5, {.skip = 100})},
                toy::mlp(), Random({.max_samples = 4}), toy::label(), Rmse(), toy::loop());
  driver.run();
  CHECK(driver.counts().validation_labels == 5);
  CHECK(driver.counts().labels == 15);
  CHECK(driver.validation().size() == 5);
  CHECK(driver.report()["finished_by"] == "label_budget");
}

TEST_CASE("phases can be skipped", "[driver]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 2;
  options.skip_training = options.skip_metrology = options.skip_labeling = true;
  Driver driver(options, toy::pools(), toy::mlp(), Random({.max_samples = 4}), toy::label(), Rmse(), toy::loop());
  driver.run();
  CHECK(driver.records().empty());
  CHECK(driver.counts().labels == 0);
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", folder / "c/labels/objects");
  CHECK(ledger.count(SampleState::queued) == 8);
}

TEST_CASE("what cannot work is refused before anything is written", "[driver]") {
  const toy::Folder folder;
  finished_hash(toy::options(folder / "c"));
  CHECK_THROWS_WITH(toy::driver(toy::options(folder / "c")), Contains("assay.campaign.exists") && Contains("--resume"));
  DriverOptions required = toy::options(folder / "none");
  required.resume = Resume::required;
  CHECK_THROWS_WITH(toy::driver(required), Contains("assay.campaign.missing"));
  CHECK_THROWS_WITH(toy::driver({.dir = "", .max_rounds = -1}),
                    Contains("/driver/dir") && Contains("/driver/max_rounds"));
  const auto with = [&](Pools pools) {
    return Driver(toy::options(folder / "none"), std::move(pools), toy::mlp(), Random(), toy::label(), NoMetrology(),
                  toy::loop());
  };
  CHECK_THROWS_WITH(with({.unlabeled = toy::labeled(4)}), Contains("assay.pool.empty"));
  CHECK_THROWS_WITH(with({.labeled = toy::labeled(4).without({"a"}), .unlabeled = toy::labeled(4)}),
                    Contains("input 'a'"));
  Values bad = toy::labeled(4);
  bad["a"][2] = std::nan("");
  CHECK_THROWS_WITH(with({.labeled = bad}), Contains("nan") && Contains("labeled pool"));
  Values narrow = toy::labeled(4).without({"y"});
  narrow.set("a", narrow["a"].to(torch::kFloat32));
  CHECK_THROWS_WITH(with({.labeled = toy::labeled(4), .unlabeled = narrow}),
                    Contains("Double []") && Contains("Float []"));
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
  CHECK_THROWS_WITH(Driver(toy::options(folder / "none"), toy::pools(), AnyLearner(toy::mlp()), AnyQuery(MaxVariance()),
                           AnyLabel(toy::label()), AnyMetrology(NoMetrology()), toy::loop()),
                    Contains("assay.driver.capability") && Contains("variance"));
}

TEST_CASE("a resume with changed options or pools is refused, naming them", "[driver]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  finished_hash(options);
  options.resume = Resume::required;
  options.seed = 9;
  CHECK_THROWS_WITH(toy::driver(options), Contains("assay.resume.changed") && Contains("/seed"));
  options.seed = 5;
  CHECK_THROWS_WITH(toy::Driver(options, toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 5}), toy::label(),
                                Metrics(Rmse(), R2()), toy::loop()),
                    Contains("/query/max_samples"));
  Pools other = toy::pools();
  other.test = toy::labeled(21, 200);
  CHECK_THROWS_WITH(toy::Driver(options, other, toy::ensemble(), MaxVariance({.max_samples = 4}), toy::label(),
                                Metrics(Rmse(), R2()), toy::loop()),
                    Contains("/pools"));
}

TEST_CASE("without an intact checkpoint the ledger alone brings a campaign back", "[driver]") {
  const toy::Folder folder;
  const std::string hash = finished_hash(toy::options(folder / "c"));
  for (const auto& entry : std::filesystem::directory_iterator(folder / "c/checkpoints")) {
    assay::detail::write_file(entry.path() / "state.safetensors", "torn");
  }
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::required;
  int calls = 0;
  toy::Driver driver = toy::driver(
      options, FunctionLabel({.provides = {"y"}}, [&](const Values& x) { return ++calls, toy::solve(x); }));
  driver.run();
  CHECK(calls == 0);
  CHECK(campaign_hash(folder / "c") == hash);
}

TEST_CASE("two drivers on one directory: the second is refused", "[driver]") {
  const toy::Folder folder;
  const toy::Driver first = toy::driver(toy::options(folder / "c"));
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::if_present;
  CHECK_THROWS_WITH(toy::driver(options), Contains("assay.campaign.locked"));
}

TEST_CASE("a label strategy's own exception ends the phase and loses nothing", "[driver]") {
  const toy::Folder folder;
  struct Breaks {
    void label(LabelContext& context) {
      const auto one = context.next(), two = context.next();
      context.accept(*one, toy::solve(one->inputs));
      throw std::runtime_error("scheduler gone");
    }
    std::vector<std::string> provides() const { return {"y"}; }
  };
  const std::string hash = finished_hash(toy::options(folder / "whole"));
  Driver driver(toy::options(folder / "c"), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}), Breaks(),
                Metrics(Rmse(), R2()), toy::loop());
  CHECK_THROWS_WITH(driver.run(), Contains("scheduler gone"));
  CHECK(driver.counts().labels == 1);
  {
    auto moved = std::move(driver);  // ends here, and gives the directory free
  }
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::required;
  CHECK(finished_hash(options) == hash);
}

TEST_CASE("the host's settings are as they were", "[driver]") {
  const toy::Folder folder;
  at::set_num_threads(2);
  const torch::Dtype dtype = c10::typeMetaToScalarType(c10::get_default_dtype());
  const torch::Tensor generator = at::globalContext().defaultGenerator(torch::kCPU).get_state().clone();
  Driver driver(toy::options(folder / "c"), toy::pools(), toy::mlp(), Random(),
                FunctionLabel({.provides = {"y"}},
                              [](const Values& x) {
                                CHECK(at::get_num_threads() == 2);
                                CHECK(at::GradMode::is_enabled());
                                return toy::solve(x);
                              }),
                NoMetrology(), DefaultTrainingLoop({.epochs = 2, .threads = 1}));
  driver.run();
  CHECK(at::get_num_threads() == 2);
  CHECK(at::GradMode::is_enabled());
  CHECK(c10::typeMetaToScalarType(c10::get_default_dtype()) == dtype);
  CHECK(torch::equal(at::globalContext().defaultGenerator(torch::kCPU).get_state(), generator));
}

TEST_CASE("targets of any shape go through ledger, checkpoint, metrics and export", "[driver]") {
  const toy::Folder folder;
  const auto field = [](const Values& x) -> Values {
    const torch::Tensor t = torch::linspace(0, 1, 500, torch::kFloat64);
    return {{"wave", torch::stack({(t * 6 + x.scalar("a")).sin(), t * x.scalar("b")})}};
  };
  const auto make = [&](DriverOptions options) {
    return Driver(std::move(options),
                  {.labeled = assay::sobol(toy::space(), 12),
                   .unlabeled = assay::sobol(toy::space(), 30, {.skip = 12}),
                   .test = assay::sobol(toy::space(), 8, {.skip = 64})},
                  Ensemble({.members = 2, .inputs = {"a", "b"}, .targets = {"wave"}, .hidden = {16}}),
                  MaxVariance({.max_samples = 3}), FunctionLabel({.provides = {"wave"}}, field),
                  Metrics(Rmse(), Coverage()), toy::loop(30));
  };
  DriverOptions options = toy::options(folder / "c");
  {
    auto driver = make(options);
    driver.run();
  }
  options.resume = Resume::required;
  options.max_rounds = 4;
  auto driver = make(options);
  driver.run();
  CHECK(driver.labeled().column("wave").sizes() == torch::IntArrayRef{24, 2, 500});
  CHECK(find(driver.records().back().measurements, "rmse/wave"));
  driver.learner().export_to(folder / "surrogate");
  const Values inputs = assay::sobol(toy::space(), 5);
  const Values predicted = load_learner(folder / "surrogate", Registries()).predict(inputs);
  CHECK(predicted["wave"].sizes() == torch::IntArrayRef{5, 2, 500});
  CHECK(torch::equal(predicted["wave"], driver.learner().predict(inputs)["wave"]));
}

TEST_CASE("labels come from several threads at once", "[driver][threads]") {
  const toy::Folder folder;
  const std::string hash = finished_hash(toy::options(folder / "one"));
  toy::Driver driver = toy::driver(toy::options(folder / "four"),
                                   FunctionLabel({.provides = {"y"}, .threads = 4}, toy::solve));
  driver.run();
  CHECK(campaign_hash(folder / "four") == hash);
}
