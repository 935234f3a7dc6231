// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

using namespace assay;

namespace {

Json chained_configuration(const std::filesystem::path& dir) {
  const Json space = Json::array({{{"name", "a"}, {"low", -1}, {"high", 1}}, {{"name", "b"}, {"low", 0}, {"high", 2}}});
  return {
      {"driver", {{"dir", dir.string()}, {"max_rounds", 2}, {"stop", {{{"type", "label_budget"}, {"labels", 100}}}}}},
      {"pools",
       {{"labeled", {{"type", "sobol"}, {"space", space}, {"count", 10}}},
        {"unlabeled", {{"type", "latin_hypercube"}, {"space", space}, {"count", 40}}}}},
      {"learner", {{"type", "ensemble"}, {"members", 3}, {"inputs", {"a", "b"}}, {"targets", {"y"}}, {"hidden", {8}}}},
      {"query",
       {{"type", "chain"},
        {"strategies", {{{"type", "variance"}, {"max_samples", 2}}, {{"type", "random"}, {"max_samples", 1}}}}}},
      {"label", {{"type", "function"}, {"provides", {"y"}}, {"function", "solve"}}},
      {"metrology", {{"type", "metrics"}, {"metrics", {{{"type", "rmse"}}}}}},
      {"loop",
       {{"type", "default"},
        {"epochs", 5},
        {"optimizer", {{"type", "sgd"}, {"lr", 0.1}}},
        {"early_stopping", nullptr}}}};
}

Registries registries() {
  Registries all;
  all.functions.add("solve", toy::solve);
  return all;
}

}  // namespace

TEST_CASE("a whole campaign runs from one file and is rebuilt from its checkpoint", "[config]") {
  const toy::Folder folder;
  assay::detail::write_file(folder / "campaign.json", chained_configuration(folder / "c").dump());
  {
    AnyDriver driver = load_campaign(folder / "campaign.json", registries());
    driver.run();
    CHECK(driver.counts().labels == 16);
  }
  Json longer = chained_configuration(folder / "long");
  longer["driver"]["max_rounds"] = 3;
  AnyDriver whole = load_campaign(longer, registries());
  whole.run();
  const Space space{{"a", -1, 1}, {"b", 0, 2}};
  AnyDriver rebuilt = rebuild_campaign(
      folder / "c", {.labeled = sobol(space, 10), .unlabeled = latin_hypercube(space, 40, RandomKey(0))}, registries(),
      {{"max_rounds", 3}});
  rebuilt.run();
  CHECK(rebuilt.counts().labels == 19);
  CHECK(campaign_hash(folder / "c") == campaign_hash(folder / "long"));
}

TEST_CASE("every problem of a campaign's file is reported with its path", "[config]") {
  Json bad = chained_configuration("c");
  bad["driver"]["max_rounds"] = -1;
  bad["learner"]["hiden"] = 3;
  bad["query"]["strategies"][1]["type"] = "rnadom";
  bad["loop"]["optimizer"]["lr"] = "fast";
  bad["pools"]["unlabeled"]["type"] = "gird";
  bad["labl"] = 1;
  try {
    load_campaign(bad, registries());
    FAIL("no error");
  } catch (const ConfigError& error) {
    std::vector<std::string> where;
    for (const ErrorParts& problem : error.problems()) where.push_back(problem.where);
    CHECK(where == std::vector<std::string>{"/labl", "/driver/max_rounds", "/learner/hiden", "/query/strategies/1/type",
                                            "/loop/optimizer/lr", "/pools/unlabeled/type"});
  }
}

TEST_CASE("parts that do not fit together are reported together, with their paths", "[config]") {
  Json bad = chained_configuration("c");
  bad["learner"]["type"] = "mlp";
  bad["learner"].erase("members");
  bad["metrology"] = {{"type", "metrics"}, {"metrics", {{{"type", "coverage"}}}}};
  bad["label"]["provides"] = {"z"};
  bad["driver"]["max_rounds"] = "many";
  try {
    load_campaign(bad, registries());
    FAIL("no error");
  } catch (const ConfigError& error) {
    std::vector<std::string> where;
    for (const ErrorParts& problem : error.problems()) where.push_back(problem.where);
    CHECK(where == std::vector<std::string>{"/driver/max_rounds", "/query", "/metrology", "/label/provides"});
  }
}

TEST_CASE("a checkpoint that needs what is not registered says which", "[config]") {
  const toy::Folder folder;
  load_campaign(chained_configuration(folder / "c"), registries()).run();
  CHECK_THROWS_WITH(rebuild_campaign(folder / "c", toy::pools(), Registries()),
                    Contains("/label/function") && Contains("'solve'"));
  struct Mine {
    Selection select(const QueryContext&) const { return {.positions = {0}, .scores = {}, .strategies = {}}; }
  };
  Driver(toy::options(folder / "opaque"), toy::pools(), toy::mlp(), Mine(), toy::label(), NoMetrology(), toy::loop())
      .run();
  CHECK_THROWS_WITH(rebuild_campaign(folder / "opaque", toy::pools(), registries()),
                    Contains("/query") && Contains("Mine"));
}
