// SPDX-License-Identifier: Apache-2.0
// Campaigns that somebody holds: one on another host in the middle of a commit, or one that labels. They are looked at
// without a change to any file, and changed by nobody else.
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/error_id.hpp"
#include "support/file_contents.hpp"
#include "support/jobs.hpp"
#include "support/no_problems.hpp"
#include "support/one_thread.hpp"
#include "support/toy.hpp"

#include "../src/detail/lease.hpp"
#include "../src/store/sqlite.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/import_table.hpp>
#include <assay/tools/labels.hpp>
#include <assay/tools/status.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace assay;
using assay::store::Database;
using assay::store::Transaction;
namespace fs = std::filesystem;

namespace {

/// Names of what is other than it was, gone, or new.
std::vector<std::string> changed(const FileContents& before, const FileContents& now) {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : before) {
    const auto found = now.find(name);
    if (found == now.end() || found->second != bytes) names.push_back(name);
  }
  for (const auto& [name, bytes] : now) {
    if (!before.contains(name)) names.push_back(name + ", " + std::to_string(bytes.size()) + " bytes, new");
  }
  return names;
}

/// What is not refused as locked of all that would change a campaign.
std::vector<std::string> let_in(const fs::path& dir, const fs::path& other) {
  const std::vector<std::pair<std::string, std::function<void()>>> all{
      {"repair", [&] { repair_campaign(dir); }},
      {"retry", [&] { retry_samples(dir, std::nullopt); }},
      {"abandon", [&] { abandon_samples(dir, std::vector<SampleId>{0}); }},
      {"withdraw", [&] { withdraw_labels(dir, {.ids = {0}}); }},
      {"import", [&] { import_labels(dir, other); }},
      {"import a table", [&] { import_table(dir, other / "old_results.csv"); }}};
  std::vector<std::string> found;
  for (const auto& [what, change] : all) {
    const std::string id = id_of_error(change);
    if (id != "assay.campaign.locked") found.push_back(what + ": " + id);
  }
  return found;
}

DriverOptions on(Storage storage, const fs::path& dir) {
  DriverOptions options = toy::options(dir);
  options.storage = storage;
  options.resume = Resume::if_present;
  return options;
}

/// A process ends in the middle of a commit: part of it stands in the ledger, and the journal that takes it back beside
/// it.
void leave_half_a_commit(const fs::path& ledger, const std::string& journal) {
  REQUIRE(child::run([&] {
            Database database(ledger, /*writable=*/true);
            database.run(journal.c_str());
            // So small a cache that the transaction spills into the file.
            database.run("PRAGMA synchronous = FULL; PRAGMA cache_size = 5");
            const Transaction transaction(database);
            database.run("UPDATE sample SET strategy = 'half of a commit'");
            database.run("CREATE TABLE filler (payload)");
            for (int i = 0; i < 50; ++i) database.run("INSERT INTO filler VALUES (zeroblob(3000))");
            ::_exit(0);
          }) == 0);
  REQUIRE(assay::detail::read_file(ledger).find("half of a commit") != std::string::npos);
  REQUIRE(assay::detail::read_file(ledger.string() + "-journal").at(0) != '\0');
}

fs::path newest_lease_file(const fs::path& dir) {
  return assay::detail::lease_file(dir, assay::detail::newest_lease(dir));
}

/// A process on another host has taken the campaign over, and renewed its lease just now.
void hold_elsewhere(const fs::path& dir) {
  assay::detail::Holder elsewhere = assay::detail::this_holder();
  elsewhere.boot = "another";
  const std::int64_t generation = assay::detail::newest_lease(dir) + 1;
  assay::detail::write_file_durably(
      assay::detail::lease_file(dir, generation),
      to_string(assay::detail::LeaseText{
          .state = assay::detail::LeaseState::held, .after = generation - 1, .holder = elsewhere}));
}

/// A campaign of one round on shared storage whose writer, on another host, is in the middle of a commit.
/// \return its hash before that commit.
std::string begin_and_hold(const fs::path& dir, const std::string& journal) {
  DriverOptions options = on(Storage::shared, dir);
  options.max_rounds = 1;
  toy::driver(options).run();
  const std::string hash = campaign_hash(dir);
  leave_half_a_commit(dir / "ledger.sqlite", journal);
  hold_elsewhere(dir);
  return hash;
}

/// Told of the beginning of each phase.
struct AtPhases {
  std::function<void()> act;
  void observe(const Event& event) const {
    if (event.kind == Event::Kind::phase_started) act();
  }
};

}  // namespace

TEST_CASE("R1: who looks at a campaign whose writer elsewhere is in the middle of a commit changes none of its files",
          "[ledger][looking][r1]") {
  const std::string journal = GENERATE("PRAGMA journal_mode = PERSIST", "PRAGMA journal_mode = DELETE");
  const bool status_file = GENERATE(true, false);  // without it the status is read from the ledger
  CAPTURE(journal, status_file);
  const toy::Folder folder;
  const fs::path dir = folder / "c";
  const std::string hash = begin_and_hold(dir, journal);
  if (!status_file) REQUIRE(fs::remove(dir / "status.json"));
  const std::vector<std::pair<std::string, std::function<void()>>> looks{
      {"status",
       [&] {
         const Json status = campaign_status(dir);
         CHECK((status_file ? status.at("labels") : status.at("counts").at("labels")).get<int>() == 4);
       }},
      {"hash", [&] { CHECK(campaign_hash(dir) == hash); }},
      {"check", [&] { CHECK(check_campaign(dir).problems == no_problems); }},
      {"labels", [&] { CHECK(label_table(dir).purpose.size() == 4); }},
      {"whether there is a ledger", [&] { CHECK(Ledger::exists(dir / "ledger.sqlite")); }},
      {"difference", [&] { CHECK_FALSE(first_difference(dir, dir).has_value()); }},
      {"a driver that is refused",
       [&] { CHECK_THROWS_WITH(toy::driver(on(Storage::shared, dir)), Contains("assay.campaign.locked")); }}};
  const FileContents before = files_of(dir);
  for (const auto& [what, look] : looks) {
    INFO(what);
    look();
    CHECK(changed(before, files_of(dir)) == no_problems);
  }
}

TEST_CASE("R1: who is refused such a campaign, or takes labels out of it, changes none of its files",
          "[ledger][looking][r1]") {
  const toy::Folder folder;
  const fs::path dir = folder / "c";
  begin_and_hold(dir, "PRAGMA journal_mode = PERSIST");
  toy::driver(toy::options(folder / "other")).run();
  const FileContents before = files_of(dir);
  CHECK(let_in(dir, folder / "other") == no_problems);
  CHECK(changed(before, files_of(dir)) == no_problems);
  DriverOptions local = on(Storage::local, dir);  // who takes the storage for another is refused as well
  CHECK_THROWS_WITH(toy::driver(local), Contains("assay.campaign.locked"));
  CHECK(changed(before, files_of(dir)) == no_problems);
  const ImportReport report = import_labels(folder / "other", dir);
  CHECK(report.refused == no_problems);
  CHECK(report.added + report.known == 4);
  CHECK(changed(before, files_of(dir)) == no_problems);
}

TEST_CASE("R1: who takes such a campaign over takes the commit back in a copy of its own",
          "[session][ledger][looking][r1]") {
  const std::string journal = GENERATE("PRAGMA journal_mode = PERSIST", "PRAGMA journal_mode = DELETE");
  INFO(journal);
  const toy::Folder folder;
  const fs::path dir = folder / "c";
  begin_and_hold(dir, journal);
  const fs::path lease = newest_lease_file(dir);
  fs::last_write_time(lease, fs::last_write_time(lease) - std::chrono::minutes(2));
  const std::string ledger = assay::detail::read_file(dir / "ledger.sqlite");
  const std::string half = assay::detail::read_file(dir / "ledger.sqlite-journal");
  toy::driver(on(Storage::shared, dir)).run();
  CHECK((assay::detail::read_file(dir / "ledger.sqlite") == ledger));  // left to the one that may live
  CHECK((assay::detail::read_file(dir / "ledger.sqlite-journal") == half));
  CHECK(campaign_hash(dir) == toy::whole_hash(folder));
  CHECK(check_campaign(dir).problems == no_problems);
}

TEST_CASE("R4: a campaign is changed by nobody while its driver labels, not by the same process either",
          "[session][r4]") {
  const auto storage = GENERATE(Storage::local, Storage::shared);
  const toy::Folder folder;
  const std::string whole = toy::whole_hash(folder);
  const fs::path dir = folder / "c";
  int calls = 0;
  std::vector<std::string> found;
  const RunStatus status = toy::driver(on(storage, dir),
                                       FunctionLabel({.provides = {"y"}, .function = "solve"},
                                                     [&](const Values& x) {
                                                       ++calls;
                                                       for (std::string& one : let_in(dir, folder / "whole"))
                                                         found.push_back(std::move(one));
                                                       return toy::solve(x);
                                                     }))
                               .run();
  CHECK(status == RunStatus::finished);
  CHECK(calls == 12);
  CHECK(found == no_problems);
  CHECK(campaign_hash(dir) == whole);
  CHECK(check_campaign(dir).problems == no_problems);
  CHECK(retry_samples(dir, std::nullopt) == 0);  // now that nobody runs it
}

TEST_CASE("R4: a campaign is changed by nobody in any of its phases", "[session][r4]") {
  const auto storage = GENERATE(Storage::local, Storage::shared);
  const toy::Folder folder;
  const std::string whole = toy::whole_hash(folder);
  const fs::path dir = folder / "c";
  int phases = 0;
  std::vector<std::string> found;
  DriverOptions options = on(storage, dir);
  options.observers = {AtPhases{[&] {
    ++phases;
    for (std::string& one : let_in(dir, folder / "whole")) found.push_back(std::move(one));
  }}};
  toy::driver(options).run();
  CHECK(phases >= 15);  // three rounds of five
  CHECK(found == no_problems);
  CHECK(campaign_hash(dir) == whole);
}

TEST_CASE("R4: a campaign that another process labels is changed by nobody, and looked at by all", "[session][r4]") {
  const auto storage = GENERATE(Storage::local, Storage::shared);
  const OneThread thread;  // the child has no others
  const toy::Folder folder;
  const std::string whole = toy::whole_hash(folder);
  const fs::path dir = folder / "c";
  const pid_t process = ::fork();
  if (process == 0) {
    int status = 0;
    try {
      toy::driver(on(storage, dir), FunctionLabel({.provides = {"y"}, .function = "solve"},
                                                  [&](const Values& x) {
                                                    std::ofstream(folder / "labels") << "now";
                                                    jobs::wait_for(folder / "go");
                                                    return toy::solve(x);
                                                  }))
          .run();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
      status = 1;
    }
    ::_exit(status);
  }
  REQUIRE(process > 0);
  jobs::wait_for(folder / "labels");
  CHECK(let_in(dir, folder / "whole") == no_problems);
  CHECK(Ledger::exists(dir / "ledger.sqlite"));
  CHECK(label_table(dir).purpose.empty());
  CHECK(campaign_status(dir).at("counts").at("labels").get<int>() == 0);
  std::ofstream(folder / "go") << "go";
  int status = 0;
  REQUIRE(::waitpid(process, &status, 0) == process);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(campaign_hash(dir) == whole);
  CHECK(check_campaign(dir).problems == no_problems);
  CHECK(retry_samples(dir, std::nullopt) == 0);  // its lock went with it
}
