// SPDX-License-Identifier: Apache-2.0
// Results that were imported, at inputs that are those of no candidate (S6, F21).
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/import_table.hpp>
#include <assay/tools/labels.hpp>

#include <algorithm>
#include <iomanip>
#include <set>
#include <sstream>

using namespace assay;
namespace fs = std::filesystem;

namespace {

Values candidates() { return uniform(toy::space(), 60, RandomKey(3)); }

/// The toy campaign, counting its calls.
toy::Driver counting(const fs::path& dir, std::int64_t rounds, int& calls) {
  DriverOptions options = toy::options(dir);
  options.max_rounds = rounds;
  options.resume = Resume::if_present;
  Pools pools = toy::pools();
  pools.unlabeled = candidates();
  Values tests = uniform(toy::space(), 20, RandomKey(9));
  const torch::Tensor y = (tests["a"] * 3).sin() * tests["b"] + 10;
  pools.test = tests.set("y", y);
  return toy::Driver(std::move(options), std::move(pools), toy::ensemble(), MaxVariance({.max_samples = 4}),
                     FunctionLabel({.provides = {"y"}},
                                   [&calls](const Values& x) {
                                     ++calls;
                                     return toy::solve(x);
                                   }),
                     Metrics(Rmse(), R2()), toy::loop());
}

/// Designs as a spreadsheet has them, with so many digits.
void write_results(const fs::path& file, const Values& designs, int digits) {
  std::ostringstream text;
  text << "a,b,y\n";
  for (std::int64_t i = 0; i < batch_size(designs); ++i) {
    const Values x = row(designs, i);
    text << std::setprecision(digits) << x.scalar("a") << ',' << x.scalar("b") << ',' << std::setprecision(17)
         << toy::solve(x).scalar("y") << '\n';
  }
  assay::detail::write_file(file, text.str());
}

std::vector<LedgerEntry> imported(const fs::path& dir) {
  const Ledger ledger = Ledger::open_read_only(dir / "ledger.sqlite", objects_folder(dir));
  std::vector<LedgerEntry> entries = ledger.entries();
  std::erase_if(entries, [](const LedgerEntry& entry) { return entry.strategy != "imported"; });
  return entries;
}

}  // namespace

TEST_CASE("S6: imported results at other inputs than the candidates' are learned from, and cost nothing",
          "[tools][import]") {
  const toy::Folder folder;
  int calls = 0;
  counting(folder / "c", 1, calls).run();
  CHECK(calls == 4);
  write_results(folder / "old.csv", sobol(toy::space(), 30, {.skip = 500}), 17);
  CHECK(import_table(folder / "c", folder / "old.csv").added == 30);
  toy::Driver driver = counting(folder / "c", 3, calls);
  driver.run();
  CHECK(calls == 12);
  CHECK(driver.report()["simulations"] == 12);
  CHECK(driver.labeled().size() == 16 + 12 + 30);
  const std::vector<LedgerEntry> found = imported(folder / "c");
  REQUIRE(found.size() == 30);
  std::set<SampleId> ids;
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
  for (const LedgerEntry& entry : found) {
    CHECK(entry.round == 2);
    CHECK(entry.integrated_in == 2);
    CHECK(ids.insert(entry.id).second);
    CHECK(ledger.labels(entry.id).scalar("y") == toy::solve(ledger.inputs(entry.id)).scalar("y"));
    CHECK(ledger.attempts(entry.id).back().outcome == "imported");
  }
  CHECK(check_campaign(folder / "c").problems.empty());
}

TEST_CASE("S6: a campaign with imported samples is the same in one process and in many", "[tools][import]") {
  const toy::Folder folder;
  int calls = 0;
  write_results(folder / "old.csv", sobol(toy::space(), 10, {.skip = 500}), 17);
  for (const char* name : {"one", "many"}) {
    counting(folder / name, 1, calls).run();
    import_table(folder / name, folder / "old.csv");
  }
  counting(folder / "one", 4, calls).run();
  for (std::int64_t rounds = 2; rounds <= 4; ++rounds) counting(folder / "many", rounds, calls).run();
  CHECK(campaign_hash(folder / "one") == campaign_hash(folder / "many"));
  CHECK(imported(folder / "many").size() == 10);
}

TEST_CASE("F21: results at candidates' inputs that were rounded retire these candidates", "[tools][import]") {
  const toy::Folder folder;
  const int digits = GENERATE(3, 6);
  int calls = 0;
  counting(folder / "c", 1, calls).run();
  write_results(folder / "old.csv", candidates(), digits);
  CHECK(import_table(folder / "c", folder / "old.csv").added == 60);
  toy::Driver driver = counting(folder / "c", 50, calls);
  driver.run();
  const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
  if (digits == 6) {
    // Four were chosen before the import, and four with it; then no candidate is left. Of the first the table's are
    // copies.
    CHECK(calls == 8);
    CHECK(driver.labeled().size() == 16 + 8 + 56);
  } else {
    CHECK(calls == 60);  // too coarse to be the same designs
  }
}

TEST_CASE("F21: retired candidates stay out after the ledger was rebuilt without its archive", "[tools][import]") {
  const toy::Folder folder;
  int calls = 0;
  counting(folder / "c", 1, calls).run();
  write_results(folder / "old.csv", candidates(), 6);
  import_table(folder / "c", folder / "old.csv");
  counting(folder / "c", 2, calls).run();
  CHECK(calls == 8);
  for (const char* file : {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"}) fs::remove(folder / "c" / file);
  repair_campaign(folder / "c");
  counting(folder / "c", 50, calls).run();
  CHECK(calls == 8);
}

namespace {

/// A campaign over whole numbers from 100,000 to 100,063: every ninth is a candidate, the first and the last are
/// simulated first.
Json of_integers(const fs::path& dir, std::int64_t rounds) {
  const Json space = Json::parse(R"([{"name": "n", "low": 100000, "high": 100063, "kind": "integer"}])");
  return {{"driver", {{"max_rounds", rounds}, {"dir", dir.string()}, {"resume", "if_present"}}},
          {"label", {{"type", "external"}, {"provides", {"y"}}}},
          {"pools",
           {{"labeled", {{"type", "grid"}, {"levels", 2}, {"space", space}}},
            {"unlabeled", {{"type", "grid"}, {"levels", 8}, {"space", space}}}}},
          {"learner", {{"type", "ensemble"}, {"inputs", {"n"}}, {"targets", {"y"}}, {"members", 2}, {"hidden", {2}}}},
          {"query", {{"type", "random"}, {"max_samples", 2}}}};
}

/// Tells all that a campaign asks for until it ends. \return what that was.
std::vector<double> answered(AnyDriver& driver) {
  std::vector<double> asked;
  while (driver.advance() == RunStatus::waiting) {
    for (const Sample& sample : driver.ask(100)) {
      asked.push_back(sample.values.scalar("n"));
      driver.tell(sample.id, done({{"y", asked.back()}}));
    }
  }
  return asked;
}

}  // namespace

TEST_CASE("S6: results that came before a campaign began are learned from in its first round", "[tools][import]") {
  const toy::Folder folder;
  const Registries registries;
  assay::detail::load_campaign(of_integers(folder / "c", 0), registries);
  assay::detail::write_file(folder / "old.csv", "n,y\n100005,1\n100063,7\n100018,2\n");
  CHECK(import_table(folder / "c", folder / "old.csv").added == 3);
  AnyDriver driver = assay::detail::load_campaign(of_integers(folder / "c", 0), registries);
  CHECK(answered(driver) == std::vector<double>{100000});  // one of the two answers a sample, one is a candidate's
  const std::vector<LedgerEntry> found = imported(folder / "c");
  REQUIRE(found.size() == 1);
  CHECK(found.front().round == 0);
  CHECK(found.front().integrated_in == 0);
}

TEST_CASE("F21: whole numbers are the same, or others", "[tools][import]") {
  const toy::Folder folder;
  const Registries registries;
  {
    AnyDriver driver = assay::detail::load_campaign(of_integers(folder / "c", 1), registries);
    CHECK(answered(driver).size() == 4);
  }
  assay::detail::write_file(folder / "old.csv", "n,y\n100001,1\n100010,2\n100017,3\n");  // each beside a candidate
  CHECK(import_table(folder / "c", folder / "old.csv").added == 3);
  AnyDriver driver = assay::detail::load_campaign(of_integers(folder / "c", 9), registries);
  CHECK(answered(driver).size() == 4);  // all other candidates
  CHECK(imported(folder / "c").size() == 3);
}

TEST_CASE("F21: results at inputs of samples that are there, rounded or not, are no samples of their own",
          "[tools][import]") {
  const toy::Folder folder;
  int calls = 0;
  counting(folder / "c", 1, calls).run();
  Values designs;
  SECTION("a test sample is not learned from") { designs = uniform(toy::space(), 20, RandomKey(9)); }
  SECTION("nor is one that was chosen learned from twice") {
    const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
    designs = stack(ledger.inputs(ledger.picked()));
  }
  write_results(folder / "old.csv", designs, GENERATE(6, 17));
  const ImportReport report = import_table(folder / "c", folder / "old.csv");
  CHECK(report.added + report.known == batch_size(designs));
  toy::Driver driver = counting(folder / "c", 2, calls);
  driver.run();
  CHECK(driver.labeled().size() == 16 + 8);
}

TEST_CASE("F21: two tables of the same results, rounded otherwise, are one", "[tools][import]") {
  const toy::Folder folder;
  int calls = 0;
  counting(folder / "c", 1, calls).run();
  for (const int digits : {6, 7, 17}) {
    write_results(folder / "old.csv", uniform(toy::space(), 5, RandomKey(11)), digits);
    CHECK(import_table(folder / "c", folder / "old.csv").added == 5);
  }
  counting(folder / "c", 2, calls).run();
  CHECK(imported(folder / "c").size() == 5);
}

TEST_CASE("imported labels of another version are not learned from", "[tools][import]") {
  const toy::Folder folder;
  const auto campaign = [&](const char* name, const char* version, std::int64_t seed, std::int64_t rounds) {
    DriverOptions options = toy::options(folder / name);
    options.resume = Resume::if_present;
    options.max_rounds = rounds;
    options.label_version = version;
    Pools pools = toy::pools();
    pools.unlabeled = uniform(toy::space(), 60, RandomKey(static_cast<std::uint64_t>(seed)));
    return toy::Driver(std::move(options), std::move(pools), toy::ensemble(), MaxVariance({.max_samples = 4}),
                       toy::label(), Metrics(Rmse(), R2()), toy::loop());
  };
  campaign("old", "1", 1, 2).run();
  for (const char* version : {"1", "2"}) {
    campaign(version, version, 2, 1).run();
    CHECK(import_labels(folder / version, folder / "old").added == 8);
    campaign(version, version, 2, 2).run();
    CHECK(imported(folder / version).size() == (version == std::string("1") ? 8 : 0));
  }
}

TEST_CASE("a campaign is not imported into itself", "[tools][import]") {
  const toy::Folder folder;
  int calls = 0;
  counting(folder / "c", 1, calls).run();
  std::filesystem::create_directory_symlink(folder / "c", folder / "link");
  CHECK_THROWS_WITH(import_labels(folder / "c", folder / "link"), Contains("assay.import.itself"));
}

TEST_CASE("an imported label that is taken back is computed, and no other candidate", "[tools][import]") {
  const toy::Folder folder;
  int calls = 0;
  counting(folder / "c", 1, calls).run();
  write_results(folder / "old.csv", sobol(toy::space(), 3, {.skip = 500}), 17);
  import_table(folder / "c", folder / "old.csv");
  counting(folder / "c", 2, calls).run();
  CHECK(calls == 8);
  const SampleId id = imported(folder / "c").front().id;
  {
    Ledger ledger = Ledger::open(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
    CHECK(ledger.withdraw({&id, 1}, "a wrong column") == 1);
  }
  toy::Driver driver = counting(folder / "c", 3, calls);
  driver.run();
  CHECK(calls == 8 + 1 + 4);
  CHECK(driver.labeled().size() == 16 + 12 + 3);
}
