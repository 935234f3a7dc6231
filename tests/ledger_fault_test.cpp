// SPDX-License-Identifier: Apache-2.0
// Campaigns whose ledger cannot be written at one moment: what was told can be told again, and no checkpoint knows of
// more than the ledger.
#include "support/child.hpp"
#include "support/disk.hpp"
#include "support/disk_campaign.hpp"
#include "support/folder.hpp"
#include "support/look.hpp"

#include <assay/checkpoint.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// Last: LibTorch has macros of the same names.
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace assay;
using child::require;

namespace {

std::vector<Told> second_diverges(const std::vector<Sample>& samples) {
  std::vector<Told> told;
  for (const Sample& sample : samples) {
    told.push_back({sample.id, sample.id == samples[1].id ? failed("diverged") : done(toy::solve(sample.values))});
  }
  return told;
}

std::vector<SampleId> ids_of(const std::vector<Sample>& samples) {
  std::vector<SampleId> ids;
  for (const Sample& sample : samples) ids.push_back(sample.id);
  return ids;
}

/// The first checkpoint is written by a thread of its own, and must not meet the faults that are meant for what comes
/// behind it: a stop waits for it.
template <class Campaign>
void start_asking(Campaign& driver) {
  require(driver.advance() == RunStatus::waiting, "samples to label");
  driver.request_stop();
  require(driver.advance() == RunStatus::stopped, "a stop");
  require(driver.advance() == RunStatus::waiting, "the same samples to label");
}

/// Does something again and again, each of its writes failing once, in turn, until it meets none that does. \return how
/// often it was refused.
template <class Act>
int with_each_write_failing(Act act) {
  for (std::size_t refused = 0;; ++refused) {
    require(refused < 200, "an end of the writes that may fail");
    disk::fail_at(disk::operations() + refused + 1, disk::Fault::io_error);
    try {
      act();
    } catch (const Error&) {
      continue;
    }
    disk::fail_at(0, disk::Fault::io_error);  // the one that was not met
    return static_cast<int>(refused);
  }
}

}  // namespace

TEST_CASE("an outcome that could not be written can be told again", "[faults]") {
  const bool at_once = GENERATE(false, true);
  const temporary::MemoryFolder folder;
  fs::create_directory(folder / "root");
  const int status = child::run([&] {
    disk::watch(folder / "root");
    auto driver = disk_campaign::asked(folder / "root/c", 4, Storage::local);
    start_asking(driver);
    const std::vector<Sample> samples = driver.ask(4);
    const std::vector<Told> told = second_diverges(samples);
    // Each of its writes fails once, until telling meets none that does.
    int refused = 0;
    for (std::size_t n = 1;; ++n) {
      require(n < 100, "an end of the writes that may fail");
      disk::fail_at(disk::operations() + n, disk::Fault::io_error);
      bool failed = false;
      try {
        if (at_once) {
          driver.tell(told);
        } else {
          for (const Told& one : told) driver.tell(one.id, one.outcome);
        }
      } catch (const Error&) {
        failed = true;
        ++refused;
      }
      if (!failed) break;
    }
    disk::fail_at(0, disk::Fault::io_error);  // the one that was not met
    require(refused > 0, "a write that failed");
    require(driver.counts().labels == 3 && driver.counts().failed == 1, "all outcomes in the end");
    require(driver.advance() == RunStatus::finished, "a campaign that goes on");
  });
  CHECK(status == 0);
}

TEST_CASE("samples that could not be written as asked for, or as kept, are the same when that is done again",
          "[faults]") {
  const auto how = GENERATE(Asked::until_restart, Asked::until_told, Asked::until_kept);
  const temporary::MemoryFolder folder;
  fs::create_directory(folder / "root");
  const int status = child::run([&] {
    std::vector<SampleId> expected;
    {
      auto driver = disk_campaign::asked(folder / "undisturbed", 4, Storage::local);
      start_asking(driver);
      expected = ids_of(driver.ask(3));
      require(expected.size() == 3, "three samples");
    }
    disk::watch(folder / "root");
    auto driver = disk_campaign::asked(folder / "root/c", 4, Storage::local);
    start_asking(driver);
    std::vector<SampleId> ids;
    const int not_asked = with_each_write_failing([&] { ids = ids_of(driver.ask(3, how)); });
    require(ids == expected, "the samples of a campaign without trouble");
    // Those that are asked for until they are kept are written when they are.
    require((not_asked > 0) == (how != Asked::until_kept), "writes that failed where there are some");
    const int not_kept = with_each_write_failing([&] { driver.keep_asked(ids); });
    require(not_kept > 0, "a write that failed");
    require(ids_of(driver.asked()) == expected, "the same samples, with who asked");
    require(driver.attempts(ids) == std::vector<int>{1, 1, 1}, "one attempt of each");
    std::vector<Sample> out = driver.asked();
    for (Sample& sample : driver.ask(9)) out.push_back(std::move(sample));
    require(out.size() == 4, "one more to ask for");
    for (const Sample& sample : out) require(driver.tell(sample.id, done(toy::solve(sample.values))), "a label taken");
    require(driver.advance() == RunStatus::finished, "a campaign that goes on");
    require(driver.counts().simulations == 4, "no attempt of the tries that failed");
  });
  CHECK(status == 0);
}

TEST_CASE("failed samples that could not be queued again or given up are when that is done again", "[faults]") {
  const bool retry = GENERATE(true, false);
  const temporary::MemoryFolder folder;
  const fs::path root = folder / "root", dir = root / "c";
  fs::create_directory(root);
  const int status = child::run([&] {
    std::vector<SampleId> ids;
    {
      auto driver = disk_campaign::asked(dir, 4, Storage::local);
      start_asking(driver);
      for (const Sample& sample : driver.ask(2)) {
        ids.push_back(sample.id);
        driver.tell(sample.id, failed("diverged"));
      }
    }
    require(look(dir).in_state(SampleState::failed) == ids, "two samples that failed");
    disk::watch(root);
    std::int64_t moved = 0;
    const int refused = with_each_write_failing(
        [&] { moved = retry ? retry_samples(dir, ids) : abandon_samples(dir, ids); });
    require(refused > 0, "a write that failed");
    require(moved == 2, "both of them in one call, and none of them by the calls that failed");
    const Ledger ledger = look(dir);
    for (const SampleId id : ids) {
      require(ledger.entry(id).state == (retry ? SampleState::queued : SampleState::abandoned), "where it is wanted");
      require(ledger.attempts(id).size() == 1, "the attempt that failed, and no other");
    }
    require(ledger.count(SampleState::queued) == (retry ? 4 : 2), "the others where they were");
    require(ledger.count(SampleState::failed) == 0, "none that is left out");
    require(ledger.problems().empty(), "a ledger in order");
  });
  CHECK(status == 0);
}

TEST_CASE("a label that is taken back in spite of a write that fails does not come back with a rebuilt ledger",
          "[faults]") {
  const auto fault = GENERATE(disk::Fault::io_error, disk::Fault::short_write);
  const temporary::MemoryFolder folder;
  const fs::path root = folder / "root", made = folder / "made", dir = root / "c";
  REQUIRE(child::run([&] {
            DriverOptions options = disk_campaign::options(made);
            options.storage = Storage::local;
            disk_campaign::finish(options, folder / "calls");
          }) == 0);
  const SampleId id = look(made).integrated_in(2).back();
  const Withdrawal what{.ids = {id}, .reason = "wrong mesh"};
  constexpr int was_refused = 3, met_none = 4;
  int refused = 0, status = 0;
  for (std::size_t n = 1; status != met_none; ++n) {
    REQUIRE(n < 300);
    fs::remove_all(root);
    fs::create_directory(root);
    fs::copy(made, dir, fs::copy_options::recursive);
    status = child::run([&] {
      at::set_num_threads(1);
      disk::watch(root);
      disk::fail_at(n, fault);
      bool again = false;
      try {
        withdraw_labels(dir, what);
      } catch (const Error&) {
        again = true;
      }
      const bool met = disk::operations() >= n;
      disk::reset();
      if (again) withdraw_labels(dir, what);  // as somebody who was told of the error does
      // What the files under labels/ say, and no ledger any longer.
      for (const char* file : {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"}) fs::remove(dir / file);
      const std::vector<std::string> problems = repair_campaign(dir).problems;
      require(problems.empty(), problems.empty() ? "" : problems.front());
      require(look(dir).entry(id).state == SampleState::queued, "a sample that waits to be simulated anew");
      const LedgerAttempt last = look(dir).attempts(id).back();
      require(last.outcome == "withdrawn" && last.reason == "wrong mesh", "its label taken back, with the reason");
      ::_exit(!met ? met_none : again ? was_refused : 0);
    });
    INFO("operation " << n);
    CHECK((status == 0 || status == was_refused || status == met_none));
    refused += status == was_refused ? 1 : 0;
  }
  CHECK(refused > 10);
}

TEST_CASE("wherever a campaign is killed, each of its checkpoints is whole", "[faults]") {
  const temporary::MemoryFolder folder;
  const fs::path root = folder / "root";
  fs::create_directory(root);
  CHECK(child::run([&] {
          disk::watch(root);
          int removed = 0;
          disk::before_each([&](std::size_t) {
            std::error_code none;
            for (const fs::directory_entry& entry : fs::directory_iterator(root / "c" / "checkpoints", none)) {
              const std::string name = entry.path().filename().string();
              removed += name == "removing" ? 1 : 0;
              if (name.find_first_not_of("0123456789") != std::string::npos) continue;
              for (const char* file : {"checkpoint.json", "state.safetensors"})
                require(fs::exists(entry.path() / file), name + " with " + file);
            }
          });
          DriverOptions options = disk_campaign::options(root / "c");
          options.keep_checkpoints = 1;
          disk_campaign::finish(options, folder / "calls");
          require(removed > 0, "a checkpoint that is removed");
        }) == 0);
}

TEST_CASE("no checkpoint knows of more than the ledger beside it, wherever the power is cut", "[faults]") {
  const bool elsewhere = GENERATE(false, true);  // the ledger on another disk, which the cut takes whole
  const temporary::MemoryFolder folder;
  const fs::path root = folder / "root";
  fs::create_directory(root);
  fs::create_directory(folder / "images");
  REQUIRE(child::run([&] {
            disk::watch(root);
            disk::before_each([&](std::size_t n) { disk::survivors(folder / "images" / std::to_string(n), 0); });
            DriverOptions options = disk_campaign::options(root / "c");
            options.storage = Storage::local;
            if (elsewhere) options.ledger_dir = folder / "local";
            disk_campaign::finish(options, folder / "calls");
          }) == 0);
  int looked_at = 0;
  for (const fs::directory_entry& image : fs::directory_iterator(folder / "images")) {
    std::vector<std::string> damaged;
    const std::optional<Checkpoint> newest = newest_checkpoint(image.path() / "c", damaged);
    if (!newest) continue;
    ++looked_at;
    INFO("cut before operation " << image.path().filename());
    const fs::path file = image.path() / "c/ledger.sqlite";
    REQUIRE(Ledger::exists(file));
    const Ledger ledger = Ledger::open(file, image.path() / "c/labels/objects");
    CHECK(newest->json.at("ledger_sequence").get<std::int64_t>() <= ledger.sequence());
  }
  CHECK(looked_at > 50);
}
