// SPDX-License-Identifier: Apache-2.0
// Asking and telling: what is told when, of which attempt, how often, and what a retry opens again.
#include "support/catch.hpp"
#include "support/look.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random.hpp>
#include <assay/tools/labels.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

using namespace assay;

namespace {

/// A campaign that is asked and told, opened anew by every call.
auto asked(const std::filesystem::path& dir, Pools pools = toy::unlabeled_pools(4), std::int64_t rounds = 1) {
  return Driver({.dir = dir, .max_rounds = rounds, .seed = 5, .resume = Resume::if_present, .keep_checkpoints = 100},
                std::move(pools), toy::mlp(), Random({.max_samples = 2}), ExternalLabel({.provides = {"y"}}),
                NoMetrology(), toy::loop(2));
}

/// Asks for all that waits and tells it as `outcome` says.
template <class D, class F>
std::vector<SampleId> tell_all(D& driver, F outcome) {
  std::vector<SampleId> ids;
  for (const Sample& sample : driver.ask(100)) {
    driver.tell(sample.id, outcome(sample));
    ids.push_back(sample.id);
  }
  return ids;
}

Outcome solved(const Sample& sample) { return done(toy::solve(sample.values)); }

/// The checkpoints of a campaign that nobody runs, as they are now.
class Moment {
 public:
  explicit Moment(const std::filesystem::path& dir) : checkpoints_(dir / "checkpoints") {
    std::filesystem::copy(checkpoints_, kept_ / "checkpoints", std::filesystem::copy_options::recursive);
  }
  void bring_back() const {
    std::filesystem::remove_all(checkpoints_);
    std::filesystem::copy(kept_ / "checkpoints", checkpoints_, std::filesystem::copy_options::recursive);
  }

 private:
  toy::Folder kept_;
  std::filesystem::path checkpoints_;
};

}  // namespace

TEST_CASE("retried initial samples open round 0 again where all of them had failed", "[driver][telling][f2]") {
  const toy::Folder folder;
  const Verdict verdict = GENERATE(Verdict::failed, Verdict::infeasible);
  std::vector<SampleId> ids;
  {
    auto driver = asked(folder / "c");
    REQUIRE(driver.advance() == RunStatus::waiting);
    ids = tell_all(driver, [&](const Sample&) {
      return verdict == Verdict::failed ? failed("no licence") : infeasible("outside of the envelope");
    });
    CHECK_THROWS_WITH(driver.advance(), Contains("assay.pool.empty") && Contains("assay retry"));
  }
  CHECK_THROWS_WITH(asked(folder / "c").advance(), Contains("assay.pool.empty"));
  CHECK(retry_samples(folder / "c", ids) == 4);
  {
    auto driver = asked(folder / "c");
    CHECK(driver.round() == 0);
    REQUIRE(driver.advance() == RunStatus::waiting);
    CHECK(tell_all(driver, [&](const Sample& s) { return s.id == ids[0] ? failed("again") : solved(s); }) == ids);
  }
  // What is queued again later waits for the next labeling, as ever: there is something to train on.
  CHECK(retry_samples(folder / "c", std::nullopt) == 1);
  auto driver = asked(folder / "c");
  CHECK(driver.advance() == RunStatus::waiting);
  CHECK(driver.round() == 0);
  CHECK(tell_all(driver, solved).size() == 1);
  CHECK(driver.advance() == RunStatus::waiting);
  CHECK(driver.labeled().size() == 4);
}

TEST_CASE("a campaign that runs itself goes on after its solver was mended and its samples retried",
          "[driver][telling][f2]") {
  const toy::Folder folder;
  const auto run = [&](bool works) {
    Driver driver({.dir = folder / "c", .max_rounds = 1, .resume = Resume::if_present}, toy::unlabeled_pools(4),
                  toy::mlp(), Random({.max_samples = 2}),
                  FunctionLabel({.provides = {"y"}, .function = "solve"},
                                [&](const Values& x) {
                                  if (!works) throw std::runtime_error("no such program");
                                  return toy::solve(x);
                                }),
                  NoMetrology(), toy::loop(2));
    driver.run();
    return driver.counts().labels;
  };
  CHECK_THROWS_WITH(run(false), Contains("assay.pool.empty"));
  CHECK_THROWS_WITH(run(true), Contains("assay.pool.empty"));
  CHECK(retry_samples(folder / "c", std::nullopt) == 4);
  CHECK(run(true) == 6);
}

TEST_CASE("an old failure that is told again does not end a new attempt", "[driver][telling][f16]") {
  const toy::Folder folder;
  std::vector<SampleId> ids;
  {
    auto driver = asked(folder / "c");
    REQUIRE(driver.advance() == RunStatus::waiting);
    for (const Sample& sample : driver.ask(4, Asked::until_told)) ids.push_back(sample.id);
    CHECK(driver.attempts(ids) == std::vector<int>{1, 1, 1, 1});
    CHECK(driver.attempts(std::vector<SampleId>{60, 99999}) == std::vector<int>{0, 0});
    driver.tell_each(std::vector<Told>{{ids[0], failed("diverged"), 1}, {ids[1], failed("diverged"), 1}});
  }
  CHECK(retry_samples(folder / "c", std::nullopt) == 2);
  auto driver = asked(folder / "c");
  REQUIRE(driver.advance() == RunStatus::waiting);
  REQUIRE(driver.ask(4, Asked::until_told).size() == 2);
  CHECK(driver.attempts(ids) == std::vector<int>{2, 2, 1, 1});
  const Values label{{"y", 1.0}};
  const std::vector<TellResult> results = driver.tell_each(std::vector<Told>{{ids[0], failed("diverged"), 1},
                                                                             {ids[1], done(label), 2},
                                                                             {ids[2], failed("broken"), 3},
                                                                             {ids[3], failed("x"), 0}});
  CHECK(results[0].kind == TellResult::Kind::known);
  CHECK(results[1].kind == TellResult::Kind::taken);
  CHECK(results[2].kind == TellResult::Kind::wrong);
  CHECK_THAT(results[2].reason,
             Contains("assay.label.attempt") && Contains("an attempt from 1 to 1") && Contains("got 3"));
  CHECK(results[3].kind == TellResult::Kind::wrong);
  CHECK(driver.tell(ids[0], done(label)));  // it is still out
  // Without an attempt it is of the one that is under way.
  CHECK(driver.tell(ids[2], failed("diverged")));
  CHECK_THROWS_WITH(driver.tell(ids[2], done(label)), Contains("assay.label.told"));
}

TEST_CASE("labels of an interrupted attempt are as good as any", "[driver][telling][f16]") {
  const toy::Folder folder;
  std::vector<Sample> out;
  {
    auto driver = asked(folder / "c");
    REQUIRE(driver.advance() == RunStatus::waiting);
    out = driver.ask(2);  // until the process ends
  }
  auto driver = asked(folder / "c");
  REQUIRE(driver.advance() == RunStatus::waiting);
  REQUIRE(driver.ask(2).size() == 2);
  CHECK(driver.attempts(std::vector<SampleId>{out[0].id}) == std::vector<int>{2});
  CHECK(driver.tell_each(std::vector<Told>{{out[0].id, solved(out[0]), 1}}).front().kind == TellResult::Kind::taken);
  CHECK(driver.counts().labels == 1);
}

TEST_CASE("one wrong outcome among many keeps none of the others back", "[driver][telling][f16]") {
  const toy::Folder folder;
  auto driver = asked(folder / "c", toy::unlabeled_pools(6));
  REQUIRE(driver.advance() == RunStatus::waiting);
  const std::vector<Sample> out = driver.ask(6);
  std::vector<Told> told{
      {out[0].id, solved(out[0])},     {9999, failed("who?")},      {out[1].id, done({{"y", std::nan("")}})},
      {out[2].id, failed("diverged")}, {out[0].id, solved(out[0])}, {out[3].id, solved(out[3])},
      {out[3].id, failed("both")}};
  using Kind = TellResult::Kind;
  std::vector<Kind> kinds;
  for (const TellResult& result : driver.tell_each(told)) kinds.push_back(result.kind);
  CHECK((kinds == std::vector<Kind>{Kind::taken, Kind::wrong, Kind::refused, Kind::taken, Kind::known, Kind::taken,
                                    Kind::wrong}));
  CHECK(driver.counts().labels == 2);
  CHECK(driver.counts().failed == 2);
  // The call that throws has told the others first.
  told = {{9999, failed("who?")}, {out[4].id, solved(out[4])}};
  CHECK_THROWS_WITH(driver.tell(told), Contains("9999"));
  CHECK(driver.counts().labels == 3);
  CHECK(driver.tell(std::vector<Told>{{out[4].id, solved(out[4])}, {out[5].id, solved(out[5])}}) == 2);
}

TEST_CASE("another reason is another outcome", "[driver][telling][survivors]") {
  const toy::Folder folder;
  auto driver = asked(folder / "c");
  REQUIRE(driver.advance() == RunStatus::waiting);
  const std::vector<Sample> out = driver.ask(4);
  CHECK(driver.tell(out[0].id, failed("diverged")));
  CHECK(driver.tell(out[0].id, failed("diverged")));
  CHECK_THROWS_WITH(driver.tell(out[0].id, failed("no licence")), Contains("assay.label.told"));
  CHECK_THROWS_WITH(driver.tell(out[0].id, infeasible("diverged")), Contains("assay.label.told"));
  CHECK_FALSE(driver.tell(out[1].id, done({{"y", std::nan("")}})));
  CHECK_FALSE(driver.tell(out[1].id, done({{"y", std::nan("")}})));  // the same again
  CHECK_THROWS_WITH(driver.tell(out[1].id, done({{"y", 1.0}})), Contains("assay.label.told"));
}

TEST_CASE("a sample queued again in an earlier round does not bring later rounds' samples with it",
          "[driver][telling][survivors]") {
  const toy::Folder folder;
  SampleId lost = -1;
  {
    auto driver = asked(folder / "c", toy::unlabeled_pools(4), 3);
    REQUIRE(driver.advance() == RunStatus::waiting);
    tell_all(driver, solved);
    REQUIRE(driver.advance() == RunStatus::waiting);  // round 1
  }
  const Moment in_round_1(folder / "c");
  {
    auto driver = asked(folder / "c", toy::unlabeled_pools(4), 3);
    const std::vector<Sample> out = driver.ask(2);
    lost = out[0].id;
    driver.tell(lost, failed("diverged"));
    driver.tell(out[1].id, solved(out[1]));
    REQUIRE(driver.advance() == RunStatus::waiting);  // round 2: its samples are queued
    CHECK(driver.round() == 2);
  }
  CHECK(retry_samples(folder / "c", std::nullopt) == 1);
  in_round_1.bring_back();
  auto driver = asked(folder / "c", toy::unlabeled_pools(4), 3);
  REQUIRE(driver.advance() == RunStatus::waiting);
  CHECK(driver.round() == 1);
  CHECK(tell_all(driver, solved) == std::vector<SampleId>{lost});
  CHECK(driver.advance() == RunStatus::waiting);
  CHECK(driver.round() == 2);
}

TEST_CASE("labels of later rounds are not folded in with an earlier one", "[driver][telling][survivors]") {
  const toy::Folder folder;
  std::vector<SampleId> first;
  {
    auto driver = asked(folder / "c", toy::unlabeled_pools(4), 3);
    REQUIRE(driver.advance() == RunStatus::waiting);
    tell_all(driver, solved);
    REQUIRE(driver.advance() == RunStatus::waiting);  // round 1, of which nothing is folded in
  }
  const Moment in_round_1(folder / "c");
  {
    auto driver = asked(folder / "c", toy::unlabeled_pools(4), 3);
    first = tell_all(driver, [](const Sample&) { return failed("diverged"); });
    REQUIRE(driver.advance() == RunStatus::waiting);  // round 2, of which one label is there
    const std::vector<Sample> out = driver.ask(2);
    driver.tell(out[0].id, solved(out[0]));
  }
  CHECK(retry_samples(folder / "c", std::nullopt) == 2);
  in_round_1.bring_back();
  auto driver = asked(folder / "c", toy::unlabeled_pools(4), 3);
  REQUIRE(driver.advance() == RunStatus::waiting);
  CHECK(tell_all(driver, solved) == first);
  REQUIRE(driver.advance() == RunStatus::waiting);
  CHECK(look(folder / "c").integrated_in(1) == first);
  CHECK(driver.labeled().size() == 6);
}

TEST_CASE("labels are folded in in the order in which they were picked, whatever their ids",
          "[driver][telling][survivors]") {
  struct FromTheEnd {
    Selection select(const QueryContext& context) const {
      const std::int64_t size = static_cast<std::int64_t>(context.unlabeled().size());
      return {.positions = {size - 1, 3, size - 2, 0}, .scores = {}, .strategies = {}};
    }
  };
  const toy::Folder folder;
  Driver driver({.dir = folder / "c", .max_rounds = 1}, toy::pools(), toy::mlp(), FromTheEnd(), toy::label(),
                NoMetrology(), toy::loop(2));
  driver.run();
  std::vector<SampleId> picked;
  const Ledger ledger = look(folder / "c");
  const std::optional<CommittedBatch> batch = ledger.batch(1);
  REQUIRE(batch);
  for (const LedgerEntry& entry : batch->entries) picked.push_back(entry.id);
  REQUIRE(picked.size() == 4);
  CHECK_FALSE(std::is_sorted(picked.begin(), picked.end()));
  CHECK(ledger.integrated_in(1) == picked);
  const std::vector<SampleId> labeled(driver.labeled().ids().begin(), driver.labeled().ids().end());
  CHECK(std::equal(picked.begin(), picked.end(), labeled.end() - 4));
}

TEST_CASE("a round whose label file cannot be written is not folded in", "[driver][telling][survivors]") {
  const toy::Folder folder;
  const std::filesystem::path file = folder / "c/labels/round_000001.safetensors";
  {
    auto driver = asked(folder / "c");
    REQUIRE(driver.advance() == RunStatus::waiting);
    tell_all(driver, solved);
    REQUIRE(driver.advance() == RunStatus::waiting);
    REQUIRE(std::filesystem::exists(folder / "c/labels/round_000000.safetensors"));
    tell_all(driver, solved);
    std::filesystem::create_directories(file / "in_the_way");
    CHECK_THROWS_AS(driver.advance(), Error);
  }
  CHECK(look(folder / "c").integrated_in(1).empty());
  std::filesystem::remove_all(file);
  auto driver = asked(folder / "c");
  CHECK(driver.advance() == RunStatus::finished);
  CHECK(look(folder / "c").integrated_in(1).size() == 2);
}

TEST_CASE("a sample that has a label is not given up", "[driver][telling][survivors]") {
  const toy::Folder folder;
  SampleId id = -1;
  {
    auto driver = asked(folder / "c");
    REQUIRE(driver.advance() == RunStatus::waiting);
    id = tell_all(driver, solved).front();
  }
  CHECK(abandon_samples(folder / "c", {id}) == 0);
  CHECK(look(folder / "c").entry(id).state == SampleState::done);
}

TEST_CASE("whoever asks for a few samples at a time gets some as long as any wait", "[driver]") {
  const toy::Folder folder;
  constexpr std::int64_t count = 300;
  Pools pools = toy::pools();
  pools.labeled = sobol(toy::space(), count, {.skip = 400});
  Driver driver(toy::options(folder / "c"), std::move(pools), toy::ensemble(), Random({.max_samples = 4}),
                ExternalLabel({.provides = {"y"}}), NoMetrology(), toy::loop());
  REQUIRE(driver.advance() == RunStatus::waiting);
  const std::int64_t at_once = GENERATE(1, 2, 16, 79);
  std::int64_t told = 0;
  while (true) {
    const std::vector<Sample> samples = driver.ask(at_once);
    if (samples.empty()) break;
    for (const Sample& sample : samples) driver.tell(sample.id, done(toy::solve(sample.values)));
    told += static_cast<std::int64_t>(samples.size());
  }
  CHECK(told == count);
}
