// SPDX-License-Identifier: Apache-2.0
// Which program a campaign's files make assay run, and when: that of `campaign.json` where a campaign is opened by it,
// that of the checkpoint where it is rebuilt, and none where it is only looked at.
#include "support/catch.hpp"
#include "support/no_problems.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/config.hpp>
#include <assay/detail/files.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/campaign_space.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/import_table.hpp>
#include <assay/tools/labels.hpp>
#include <assay/tools/status.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace assay;
namespace fs = std::filesystem;

namespace {

/// Says in a file that it ran, and gives the label.
Json program(const fs::path& mark) {
  return Json::array({"sh", "-c", "echo ran >> " + mark.string() + "; echo '{\"y\": 10}' > out.json"});
}

/// Says in a file that it ran, and prints a version.
Json version_program(const fs::path& mark) {
  return Json::array({"sh", "-c", "echo ran >> " + mark.string() + "; echo solver 2"});
}

/// How often a program ran.
int runs(const fs::path& mark) {
  int lines = 0;
  std::ifstream in(mark);
  for (std::string line; std::getline(in, line);) ++lines;
  return lines;
}

/// Four samples are labeled first, and two in each round.
Json program_configuration(const fs::path& dir, const fs::path& mark) {
  const Json space = Json::array({{{"name", "a"}, {"low", -1}, {"high", 1}}, {{"name", "b"}, {"low", 0}, {"high", 2}}});
  const Json command = program(mark);
  return {
      {"driver", {{"dir", dir.string()}, {"max_rounds", 1}}},
      {"pools",
       {{"labeled", {{"type", "sobol"}, {"space", space}, {"count", 4}}},
        {"unlabeled", {{"type", "latin_hypercube"}, {"space", space}, {"count", 20}}}}},
      {"learner", {{"type", "mlp"}, {"inputs", {"a", "b"}}, {"targets", {"y"}}, {"hidden", {4}}}},
      {"query", {{"type", "random"}, {"max_samples", 2}}},
      {"label", {{"type", "process"}, {"command", command}, {"provides", {"y"}}, {"outputs", {{"y", "out.json#/y"}}}}},
      {"loop", {{"type", "default"}, {"epochs", 2}}}};
}

/// The pools that the configuration names.
Pools configured_pools() {
  return {.labeled = sobol(toy::space(), 4), .unlabeled = latin_hypercube(toy::space(), 20, RandomKey(0))};
}

/// A campaign of one round that program A has labeled. Then its `campaign.json` was rewritten to name program B, and a
/// program V that prints its version.
struct Rewritten {
  toy::Folder folder;
  fs::path dir = folder / "c", a = folder / "A", b = folder / "B", v = folder / "V";
  Registries registries;

  Rewritten() {
    load_campaign(program_configuration(dir, a), registries).run();
    REQUIRE(runs(a) == 6);
    fs::remove(a);
    Json file = parse_json(assay::detail::read_file(dir / "campaign.json"), "");
    REQUIRE((file.at("label").at("command") == program(a)));
    file["label"]["command"] = program(b);
    file["label"]["solver_version"] = version_program(v);
    assay::detail::write_file(dir / "campaign.json", file.dump(2));
  }
  std::string solver_of_last() const {
    const Ledger ledger = Ledger::open_read_only(dir / "ledger.sqlite", objects_folder(dir));
    return ledger.attempts(ledger.picked().back()).back().solver;
  }
};

}  // namespace

TEST_CASE("R24: a campaign that is opened by its own file runs the program that the file names now",
          "[config][label][r24]") {
  const Rewritten rewritten;
  SECTION("once it labels") {
    open_campaign(rewritten.dir, rewritten.registries, {{"max_rounds", 2}}).run();
    CHECK(runs(rewritten.b) == 2);
    CHECK(runs(rewritten.v) == 1);
    CHECK(rewritten.solver_of_last() == "solver 2");
  }
  SECTION("and none as long as it does not") {
    AnyDriver driver = open_campaign(rewritten.dir, rewritten.registries, {{"max_rounds", 2}});
    CHECK(driver.advance() == RunStatus::waiting);
    CHECK(runs(rewritten.b) == 0);
    CHECK(runs(rewritten.v) == 0);
  }
  SECTION("and none where it has finished") {
    CHECK(open_campaign(rewritten.dir, rewritten.registries).run() == RunStatus::finished);
    CHECK(runs(rewritten.b) == 0);
    CHECK(runs(rewritten.v) == 0);
  }
  CHECK(runs(rewritten.a) == 0);
}

TEST_CASE("R24: a campaign that is rebuilt runs the program that its checkpoint names", "[config][label][r24]") {
  const Rewritten rewritten;
  SECTION("the one that it was begun with") {
    rebuild_campaign(rewritten.dir, configured_pools(), rewritten.registries, {{"max_rounds", 2}}).run();
    CHECK(runs(rewritten.a) == 2);
    CHECK(runs(rewritten.b) == 0);
    CHECK(runs(rewritten.v) == 0);
    CHECK(rewritten.solver_of_last().empty());
  }
  SECTION("the one that it went on with") {
    open_campaign(rewritten.dir, rewritten.registries, {{"max_rounds", 2}}).run();
    rebuild_campaign(rewritten.dir, configured_pools(), rewritten.registries, {{"max_rounds", 3}}).run();
    CHECK(runs(rewritten.a) == 0);
    CHECK(runs(rewritten.b) == 4);
    CHECK(runs(rewritten.v) == 2);
  }
}

TEST_CASE("R24: who brings a configuration of his own runs the program that it names, not that of the campaign's file",
          "[config][label][r24]") {
  const Rewritten rewritten;
  Json own = program_configuration(rewritten.dir, rewritten.a);
  own["driver"]["max_rounds"] = 2;
  own["driver"]["resume"] = "if_present";
  const bool from_file = GENERATE(true, false);
  if (from_file) {
    assay::detail::write_file(rewritten.folder / "own.json", own.dump(2));
    load_campaign(rewritten.folder / "own.json", rewritten.registries).run();
  } else {
    load_campaign(own, rewritten.registries).run();
  }
  CHECK(runs(rewritten.a) == 2);
  CHECK(runs(rewritten.b) == 0);
  CHECK(runs(rewritten.v) == 0);
}

TEST_CASE("R24: who only looks at a campaign, or moves its labels, runs no program", "[config][tools][r24]") {
  const Rewritten rewritten;
  const fs::path dir = rewritten.dir, other = rewritten.folder / "other";
  fs::copy(dir, other, fs::copy_options::recursive);
  CHECK(campaign_status(dir).at("counts").at("labels").get<int>() == 6);
  CHECK(check_campaign(dir).problems == no_problems);
  CHECK(campaign_hash(dir) == campaign_hash(other));
  CHECK_FALSE(first_difference(dir, other).has_value());
  CHECK(label_table(dir).purpose.size() == 6);
  CHECK(campaign_space(dir).has_value());
  CHECK(import_labels(dir, other).known == 6);
  assay::detail::write_file(rewritten.folder / "old_results.csv", "a,b,y\n0.125,1,5\n");
  CHECK(import_table(dir, rewritten.folder / "old_results.csv").added == 1);
  CHECK(runs(rewritten.a) + runs(rewritten.b) + runs(rewritten.v) == 0);
}

TEST_CASE("R24: who mends a campaign, or changes its queue, runs no program", "[config][tools][r24]") {
  const Rewritten rewritten;
  const fs::path dir = rewritten.dir;
  fs::remove(dir / "ledger.sqlite");
  CHECK(repair_campaign(dir).problems == no_problems);
  CHECK(retry_samples(dir, std::nullopt) == 0);
  std::vector<SampleId> last;
  {
    const Ledger ledger = Ledger::open_read_only(dir / "ledger.sqlite", objects_folder(dir));
    last = {ledger.picked().back()};
  }
  CHECK(withdraw_labels(dir, {.ids = last, .reason = "wrong mesh"}).folded_in == 1);
  CHECK(abandon_samples(dir, last) == 1);
  CHECK(runs(rewritten.a) + runs(rewritten.b) + runs(rewritten.v) == 0);
  // The sample that was taken back waits again: the program of the file computes it.
  CHECK(retry_samples(dir, last) == 1);
  open_campaign(dir, rewritten.registries).run();
  CHECK(runs(rewritten.a) == 0);
  CHECK(runs(rewritten.b) == 1);
}
