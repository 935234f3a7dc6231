// SPDX-License-Identifier: Apache-2.0
// Candidates that are drawn anew each round.
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/data/fresh_candidates.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/ledger.hpp>

#include <ATen/Parallel.h>

#include <unistd.h>

#include <set>

using namespace assay;

namespace {

/// Ends the process at its n-th event of a kind, as a kill would.
struct Die {
  Event::Kind kind;
  int at;
  int seen = 0;
  void observe(const Event& event) {
    if (event.kind == kind && ++seen == at) ::_exit(9);
  }
};

const FreshOptions fresh_options{.count = 30, .skip = 16};

template <class Label>
auto fresh_driver(DriverOptions options, Label label, FreshOptions fresh = fresh_options) {
  options.resume = Resume::if_present;
  return Driver(std::move(options),
                {.labeled = assay::sobol(toy::space(), 16), .unlabeled = FreshCandidates(toy::space(), fresh)},
                toy::ensemble(), MaxVariance({.max_samples = 4}), std::move(label), NoMetrology(), toy::loop());
}

std::string fresh_hash(const DriverOptions& options) {
  auto driver = fresh_driver(options, toy::label());
  CHECK(driver.run() == RunStatus::finished);
  return campaign_hash(options.dir);
}

}  // namespace

TEST_CASE("Sobol's sequence goes on from round to round, other designs are drawn again", "[driver]") {
  const FreshCandidates sobol(toy::space(), {.count = 20, .skip = 5});
  const Values both = concatenate({sobol.draw(1), sobol.draw(2)});
  CHECK(both["a"].equal(assay::sobol(toy::space(), 40, {.skip = 5})["a"]));
  for (const Design design : {Design::sobol, Design::latin_hypercube, Design::uniform}) {
    const FreshCandidates fresh(toy::space(), {.count = 20, .design = design, .seed = 3});
    CHECK(fresh.draw(4)["b"].equal(fresh.draw(4)["b"]));
    CHECK_FALSE(fresh.draw(4)["b"].equal(fresh.draw(5)["b"]));
    CHECK_FALSE(fresh.draw(4)["b"].equal(FreshCandidates(toy::space(), {.count = 20, .design = design}).draw(4)["b"]));
    CHECK(fresh.gather(std::vector<std::int64_t>{0, 1})["a"].equal(fresh.draw(1)["a"].narrow(0, 0, 2)));
  }
  CHECK_THROWS_WITH(FreshCandidates(toy::space(), {.design = Design::uniform, .skip = 2}), Contains("fresh/skip"));
  CHECK_THROWS_WITH(FreshCandidates(toy::space(), {.count = 0}), Contains("fresh/count"));
}

TEST_CASE("fresh candidates have ids of their own in every round", "[driver]") {
  const toy::Folder folder;
  auto driver = fresh_driver(toy::options(folder / "c"), ExternalLabel({.provides = {"y"}}));
  for (std::int64_t round = 0; driver.advance() == RunStatus::waiting; ++round) {
    CHECK(driver.round() == round);
    const Values drawn = FreshCandidates(toy::space(), fresh_options).draw(std::max<std::int64_t>(round, 1));
    const SampleId first = 16 + (std::max<std::int64_t>(round, 1) - 1) * 30;
    CHECK(driver.unlabeled().size() == (round == 0 ? 30 : 26));
    const std::vector<SampleId> ids = driver.unlabeled().ids();
    for (const SampleId id : ids) CHECK((id >= first && id < first + 30));
    for (const Sample& sample : driver.ask(100)) {
      if (round > 0) CHECK(sample.values.scalar("a") == drawn["a"][sample.id - first].item<double>());
      driver.tell(sample.id, done(toy::solve(sample.values)));
    }
  }
  CHECK(driver.counts().labels == 28);
}

TEST_CASE("a campaign with fresh candidates that is killed anywhere ends as if it had not been", "[driver]") {
  const toy::Folder folder;
  at::set_num_threads(1);
  const std::string hash = fresh_hash(toy::options(folder / "whole"));
  const auto kind = GENERATE(Event::Kind::phase_started, Event::Kind::phase_finished, Event::Kind::simulation_done);
  for (const int at : {3, 9, 14}) {
    INFO(to_string(kind) << " " << at);
    const auto dir = folder / ("killed_" + std::to_string(at));
    const int status = child::run([&] {
      DriverOptions options = toy::options(dir);
      options.observers.push_back(Die{kind, at});
      fresh_driver(options, toy::label()).run();
    });
    CHECK(status == 9);
    CHECK(fresh_hash(toy::options(dir)) == hash);
  }
}

TEST_CASE("a campaign with fresh candidates ends the same whichever way it is gone through", "[driver]") {
  const toy::Folder folder;
  const std::string hash = fresh_hash(toy::options(folder / "whole"));
  SECTION("without its checkpoints") {
    std::filesystem::remove_all(folder / "whole/checkpoints");
    CHECK(fresh_hash(toy::options(folder / "whole")) == hash);
  }
  SECTION("asked and told, a few at a time") {
    for (bool waiting = true; waiting;) {
      auto driver = fresh_driver(toy::options(folder / "told"), ExternalLabel({.provides = {"y"}}));
      waiting = driver.advance() == RunStatus::waiting;
      for (const Sample& sample : driver.ask(3)) driver.tell(sample.id, done(toy::solve(sample.values)));
    }
    CHECK(campaign_hash(folder / "told") == hash);
  }
  SECTION("going on for more rounds later") {
    DriverOptions shorter = toy::options(folder / "longer");
    shorter.max_rounds = 1;
    fresh_hash(shorter);
    CHECK(fresh_hash(toy::options(folder / "longer")) == hash);
  }
}

TEST_CASE("fresh candidates cannot be changed on resume", "[driver]") {
  const toy::Folder folder;
  fresh_driver(toy::options(folder / "c"), toy::label()).run();
  FreshOptions other = fresh_options;
  other.count = 31;
  CHECK_THROWS_WITH(fresh_driver(toy::options(folder / "c"), toy::label(), other), Contains("/pools"));
}

TEST_CASE("no design is drawn again that was chosen before, whatever came of it", "[driver]") {
  const toy::Folder folder;
  const Space space{{.name = "a", .low = 0, .high = 3, .kind = Kind::integer},
                    {.name = "b", .low = 0, .high = 2, .kind = Kind::integer}};
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 100;
  std::multiset<std::pair<double, double>> simulated;
  const FunctionLabel label({.provides = {"y"}}, [&](const Values& x) {
    simulated.insert({x.scalar("a"), x.scalar("b")});
    if (x.scalar("a") == 1) throw std::runtime_error("diverged");
    if (x.scalar("a") == 2) throw Infeasible("no such plate");
    return toy::solve(x);
  });
  Driver driver(options,
                {.labeled = grid(Space{{"a", 0, 0.5}, {"b", 0, 0.5}}, 2),
                 .unlabeled = FreshCandidates(space, {.count = 200, .design = Design::uniform})},
                toy::mlp(), Random({.max_samples = 5}), label, NoMetrology(), toy::loop(1));
  driver.run();
  CHECK(driver.report().at("finished_by") == "no_candidates");
  // Four at the start, one of which is among the twelve designs of the space.
  CHECK(simulated.size() == 4 + 11);
  CHECK(std::set(simulated.begin(), simulated.end()).size() == simulated.size());
  CHECK(driver.counts().failed == 3);
  CHECK(driver.counts().infeasible == 3);
}

TEST_CASE("fresh candidates are named in a configuration, which is gone on with", "[driver]") {
  const toy::Folder folder;
  Json json = Json::parse(R"({
    "driver": {"max_rounds": 2},
    "pools": {"labeled": {"type": "sobol", "count": 8, "space": [{"name": "a", "low": -1}, {"name": "b", "high": 2}]},
              "unlabeled": {"type": "fresh", "count": 30, "design": "latin_hypercube", "seed": 4,
                            "space": [{"name": "a", "low": -1}, {"name": "b", "high": 2}]}},
    "learner": {"type": "mlp", "inputs": ["a", "b"], "targets": ["y"], "hidden": [4]},
    "query": {"type": "random", "max_samples": 3},
    "label": {"type": "function", "provides": ["y"], "function": "solve"},
    "loop": {"type": "default", "epochs": 2}})");
  json["driver"]["dir"] = (folder / "c").string();
  Registries registries;
  registries.functions.add("solve", toy::solve);
  load_campaign(json, registries).run();
  AnyDriver driver = open_campaign(folder / "c", registries, {{"max_rounds", 3}});
  CHECK(driver.run() == RunStatus::finished);
  CHECK(driver.labeled().size() == 17);
  const std::vector<SampleId> ids = driver.labeled().ids();
  CHECK((ids.back() >= 8 + 60 && ids.back() < 8 + 90));
}
