// SPDX-License-Identifier: Apache-2.0
// One negative test for each reason for which a row of results is not imported.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/config.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/import_table.hpp>

#include <iomanip>
#include <sstream>

using namespace assay;
namespace fs = std::filesystem;

TEST_CASE("each row that cannot be imported is refused for its own reason", "[tools][import]") {
  const toy::Folder folder;
  const Json configuration = Json::parse(R"({
    "driver": {"max_rounds": 1, "dir": ""}, "label": {"type": "external", "provides": ["y"]},
    "pools": {"labeled": {"type": "sobol", "count": 2, "space": [{"name": "x", "low": 0, "high": 4}]},
              "unlabeled": {"type": "sobol", "count": 8, "skip": 8, "space": [{"name": "x", "low": 0, "high": 4}],
                            "constraints": [{"terms": {"x": 1}, "at_most": 3}]}},
    "learner": {"type": "ensemble", "inputs": ["x"], "targets": ["y"], "members": 2, "hidden": [2]},
    "query": {"type": "random"}})");
  Json made = configuration;
  made["driver"]["dir"] = (folder / "c").string();
  assay::detail::write_file(folder / "config.json", made.dump());
  const Registries registries;
  load_campaign(folder / "config.json", registries);
  const fs::path table = folder / "old.csv";
  assay::detail::write_file(table, "x,y\n1,10\n2,20\n1,30\n5,50\n3.5,40\n2.5,nan\n2.25,\n2.75,1e400\n2,20\n0.5,5\n");
  const ImportReport report = import_table(folder / "c", table);
  CHECK(report.added == 3);
  REQUIRE(report.refused.size() == 7);
  CHECK(report.refused[0] == "line 4: the inputs of line 2 again");
  CHECK_THAT(report.refused[1], Contains("line 5: outside the space: x = 5.0 is not in 0.0 to 4.0"));
  CHECK_THAT(report.refused[2], Contains("line 6: outside the space: not so: ") && Contains("x <= 3.0"));
  for (const std::size_t i : {3, 4, 5}) CHECK_THAT(report.refused[i], Contains("y: expected a number"));
  CHECK(report.refused[6] == "line 10: the inputs of line 3 again");
  const ImportReport again = import_table(folder / "c", table);
  CHECK(again.added == 0);
  CHECK(again.known == 3);
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
  CHECK(ledger.archive_size() == 3);
  CHECK_THROWS_WITH(import_table(folder / "c", table, {{"z", "y"}}), Contains("assay.import.map") && Contains("'z'"));
  assay::detail::write_file(table, "x,f\n1,10\n");
  CHECK_THROWS_WITH(import_table(folder / "c", table), Contains("assay.table.column") && Contains("'y'"));
  CHECK(import_table(folder / "c", table, {{"y", "f"}}).known == 1);
  assay::detail::write_file(table, "x,y[0],y[1]\n1.25,10,11\n");
  CHECK_THAT(import_table(folder / "c", table).refused.at(0),
             Contains("line 2: y: expected") && Contains("got 2 numbers"));
}

TEST_CASE("results are imported before a campaign has begun whose candidates come from a file", "[tools][import]") {
  const toy::Folder folder;
  assay::detail::write_file(folder / "candidates.csv", "x\n0.5\n1.5\n2.5\n");
  const Json configuration = {
      {"driver", {{"max_rounds", 1}, {"dir", (folder / "c").string()}}},
      {"space", Json::array({{{"name", "x"}, {"low", 0}, {"high", 4}}})},
      {"label", {{"type", "external"}, {"provides", {"y"}}}},
      {"pools",
       {{"labeled", {{"type", "sobol"}, {"count", 2}}},
        {"unlabeled", {{"type", "csv"}, {"file", (folder / "candidates.csv").string()}}}}},
      {"learner", {{"type", "ensemble"}, {"inputs", {"x"}}, {"targets", {"y"}}, {"members", 2}, {"hidden", {2}}}},
      {"query", {{"type", "random"}}}};
  const Registries registries;
  assay::detail::load_campaign(configuration, registries);
  assay::detail::write_file(folder / "old.csv", "x,y\n1,10\n5,50\n");
  const ImportReport report = import_table(folder / "c", folder / "old.csv");
  CHECK(report.added == 1);
  REQUIRE(report.refused.size() == 1);
  CHECK_THAT(report.refused[0], Contains("line 3: outside the space: x = 5.0 is not in 0.0 to 4.0"));
}

TEST_CASE("a label that the learner cannot learn is refused when it is imported, from a table and from a campaign",
          "[tools][import]") {
  const toy::Folder folder;
  const Registries registries;
  const auto campaign = [&](const char* name, const char* unit, Json targets) {
    const Json space = Json::array({{{"name", "x"}, {"low", 0}, {"high", 4}, {"unit", unit}}});
    const Json configuration = {{"driver", {{"max_rounds", 1}, {"dir", (folder / name).string()}}},
                                {"label", {{"type", "external"}, {"provides", {"y"}}}},
                                {"pools",
                                 {{"labeled", {{"type", "sobol"}, {"count", 3}, {"space", space}}},
                                  {"unlabeled", {{"type", "sobol"}, {"count", 8}, {"skip", 8}, {"space", space}}}}},
                                {"learner", {{"type", "gaussian_process"}, {"inputs", {"x"}}, {"targets", targets}}},
                                {"query", {{"type", "random"}}}};
    return load_campaign(configuration, registries);
  };
  campaign("log", "mm", Json::array({{{"name", "y"}, {"transform", "log"}}}));
  assay::detail::write_file(folder / "old.csv", "x,y\n1,10\n2,-3\n0.5,0\n3,1e200\n");
  const ImportReport report = import_table(folder / "log", folder / "old.csv");
  CHECK(report.added == 1);
  REQUIRE(report.refused.size() == 3);
  CHECK(report.refused[0] == "line 3, 'y': expected numbers above 0.0, got -3.0");
  CHECK(report.refused[1] == "line 4, 'y': expected numbers above 0.0, got 0.0");
  CHECK(report.refused[2] == "line 5, 'y': expected numbers up to 1e150 in magnitude, got 1e+200");
  {
    AnyDriver paid = campaign("paid", "mm", Json::array({"y"}));
    paid.advance();
    for (const Sample& sample : paid.ask(3)) paid.tell(sample.id, done({{"y", sample.id == 1 ? -1.0 : 1.0}}));
  }
  const ImportReport from = import_labels(folder / "log", folder / "paid");
  CHECK(from.added == 2);
  REQUIRE(from.refused.size() == 1);
  CHECK_THAT(from.refused[0], Contains("assay.label.domain") && Contains("sample 1"));
  // What is a length in another unit is another design.
  campaign("meters", "m", Json::array({"y"}));
  CHECK_THROWS_WITH(import_labels(folder / "meters", folder / "paid"),
                    Contains("assay.import.unit") && Contains("'x' in 'm'") && Contains("'mm'"));
}

TEST_CASE("each row of columns that cannot be imported is refused for its own reason", "[tools][import]") {
  const toy::Folder folder;
  DriverOptions none = toy::options(folder / "c");
  none.max_rounds = 0;
  toy::driver(none).run();
  const fs::path file = folder / "old.safetensors";
  CHECK_THROWS_WITH(import_columns(folder / "c", "memory", [](const std::string&) { return torch::zeros({1}); }),
                    Contains("assay.import.shape"));
  toy::driver(DriverOptions{.dir = folder / "c", .max_rounds = 1, .seed = 5, .resume = Resume::required}).run();
  const torch::Tensor a = torch::tensor({0.1, 0.2, double(NAN), 0.4}, torch::kFloat64);
  const torch::Tensor y = torch::tensor({1.0, double(INFINITY), 1.0, 1.0}, torch::kFloat64);
  write_safetensors(file, {{"a", a}, {"b", torch::ones({4}, torch::kFloat64)}, {"y", y}});
  const ImportReport report = import_table(folder / "c", file);
  CHECK(report.added == 2);
  REQUIRE(report.refused.size() == 2);
  CHECK_THAT(report.refused[0], Contains("row 1: y: expected a number, got one that is not finite"));
  CHECK_THAT(report.refused[1], Contains("row 2: a: expected a number, got one that is not finite"));
  write_safetensors(file, {{"a", torch::ones({2, 3})}, {"b", torch::ones({2})}, {"y", torch::ones({2})}});
  CHECK_THAT(import_table(folder / "c", file).refused.at(0),
             Contains("row 0: a: expected") && Contains("got 3 numbers"));
}

TEST_CASE("a row that contradicts a label the campaign has is refused, with where that label came from",
          "[tools][import]") {
  const toy::Folder folder;
  toy::driver(toy::options(folder / "c")).run();
  const fs::path file = folder / "old.csv";
  assay::detail::write_file(file, "a,b,y\n0.125,1,5\n0.25,1,6\n");
  CHECK(import_table(folder / "c", file).added == 2);
  // One as it is there, one to fewer digits, one contradicted, one that is new.
  assay::detail::write_file(folder / "new.csv", "a,b,y\n0.125,1,5\n0.25,1,6.00001\n0.125,1.5,7\n");
  CHECK(import_table(folder / "c", folder / "new.csv").known == 2);
  assay::detail::write_file(folder / "other.csv", "a,b,y\n0.125,1,5.5\n0.375,1,8\n");
  const ImportReport report = import_table(folder / "c", folder / "other.csv");
  CHECK(report.added == 1);
  REQUIRE(report.refused.size() == 1);
  CHECK(report.refused[0] == "line 2: other labels than those of old.csv, line 2, at the same inputs");
  // So is one that contradicts a simulation.
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
  const SampleId id = ledger.in_state(SampleState::done, 1).front();
  std::ostringstream text;
  const Values x = ledger.inputs(id);
  text << std::setprecision(17) << "a,b,y\n" << x.scalar("a") << ',' << x.scalar("b") << ",-1\n";
  assay::detail::write_file(file, text.str());
  CHECK(import_table(folder / "c", file).refused.at(0) ==
        "line 2: other labels than those of sample " + std::to_string(id) + ", at the same inputs");
  CHECK(ledger.archive_size() == 4);
}

TEST_CASE("a campaign in which no label answers another sample takes no imported ones", "[tools][import]") {
  const toy::Folder folder;
  const Json space = Json::array({{{"name", "x"}, {"low", 0}, {"high", 4}}});
  const Json configuration = {
      {"driver", {{"max_rounds", 1}, {"dir", (folder / "c").string()}, {"duplicates", "replicate"}}},
      {"label", {{"type", "external"}, {"provides", {"y"}}}},
      {"space", space},
      {"pools", {{"labeled", {{"type", "sobol"}, {"count", 2}}}, {"unlabeled", {{"type", "sobol"}, {"count", 8}}}}},
      {"learner", {{"type", "ensemble"}, {"inputs", {"x"}}, {"targets", {"y"}}, {"members", 2}, {"hidden", {2}}}},
      {"query", {{"type", "random"}}}};
  const Registries registries;
  load_campaign(configuration, registries);
  assay::detail::write_file(folder / "old.csv", "x,y\n1,10\n");
  CHECK_THROWS_WITH(import_table(folder / "c", folder / "old.csv"),
                    Contains("assay.import.replicate") && Contains("/driver/duplicates") && Contains("labeled pool"));
}
