// SPDX-License-Identifier: Apache-2.0
// What many samples cost at once. For the executable assay_disk_tests: its simulated disk counts the syncs.
#include "support/child.hpp"
#include "support/disk.hpp"
#include "support/disk_campaign.hpp"
#include "support/folder.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

// Last: LibTorch has macros of the same names.
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace assay;
using child::require;

namespace {

constexpr std::int64_t most_syncs = 20;

/// How a host program asks and tells.
struct Manner {
  bool until_kept = true;  ///< else until told
  bool failures = false;   ///< among what is told, each with what came of it
  bool one_by_one = false;
};

/// What the disk was asked to sync for.
struct Syncs {
  std::int64_t asking = 0;
  std::int64_t telling = 0;
};

std::vector<Told> outcomes(const std::vector<Sample>& samples, bool failures) {
  std::vector<Told> told;
  for (const Sample& sample : samples) {
    Outcome outcome = done(toy::solve(sample.values));
    if (failures && sample.id % 3 == 0) outcome = failed("diverged");
    if (failures && sample.id % 7 == 0) outcome = infeasible("outside of the envelope");
    told.push_back({sample.id, std::move(outcome)});
  }
  return told;
}

std::int64_t syncs_so_far() {
  const std::vector<std::string> log = disk::log();
  return std::count_if(log.begin(), log.end(), [](const std::string& line) {
    return line.starts_with("fsync ") || line.starts_with("fdatasync ");
  });
}

void ask_and_keep(const fs::path& dir, std::int64_t samples, Storage storage, const Manner& manner, Syncs& syncs,
                  std::vector<Sample>& out) {
  auto driver = disk_campaign::asked(dir, samples, storage);
  require(driver.advance() == RunStatus::waiting, "samples to ask for");
  const std::int64_t before = syncs_so_far();
  out = driver.ask(samples, manner.until_kept ? Asked::until_kept : Asked::until_told);
  std::vector<SampleId> ids;
  for (const Sample& sample : out) ids.push_back(sample.id);
  if (manner.until_kept) driver.keep_asked(ids);
  syncs.asking = syncs_so_far() - before;
  require(static_cast<std::int64_t>(driver.asked().size()) == samples, "all of them are out");
}

void tell(const fs::path& dir, std::int64_t samples, Storage storage, const Manner& manner, Syncs& syncs,
          const std::vector<Told>& told) {
  auto driver = disk_campaign::asked(dir, samples, storage);
  require(driver.advance() == RunStatus::waiting, "samples to tell of");
  const std::int64_t labels = std::count_if(told.begin(), told.end(),
                                            [](const Told& one) { return one.outcome.labels.has_value(); });
  const std::int64_t before = syncs_so_far();
  if (manner.one_by_one) {
    for (const Told& one : told) require(driver.tell(one.id, one.outcome), "a label that is taken");
  } else if (manner.failures) {
    for (const TellResult& result : driver.tell_each(told))
      require(result.kind == TellResult::Kind::taken, "an outcome that is taken");
  } else {
    require(driver.tell(told) == labels, "labels that are taken");
  }
  syncs.telling = syncs_so_far() - before;
  const Counts counts = driver.counts();
  require(counts.labels == labels, "all labels");
  require(counts.failed + counts.infeasible == samples - labels, "all failures");
}

/// Each step in a session of its own: nothing is written in the background, and the log of the ledger is a new one.
Syncs syncs_of(const temporary::MemoryFolder& folder, std::int64_t samples, Storage storage, const Manner& manner) {
  const fs::path root = folder / std::to_string(samples), result = folder / ("syncs_" + std::to_string(samples));
  fs::create_directory(root);
  REQUIRE(child::run([&] {
            disk::watch(root);
            {
              auto driver = disk_campaign::asked(root / "c", samples, storage);
              require(driver.advance() == RunStatus::waiting, "samples to label");
              driver.request_stop();  // which waits for the first checkpoint
              require(driver.advance() == RunStatus::stopped, "a stop");
            }
            Syncs syncs;
            std::vector<Sample> out;
            ask_and_keep(root / "c", samples, storage, manner, syncs, out);
            tell(root / "c", samples, storage, manner, syncs, outcomes(out, manner.failures));
            std::ofstream(result) << syncs.asking << ' ' << syncs.telling;
          }) == 0);
  Syncs syncs;
  std::ifstream in(result);
  in >> syncs.asking >> syncs.telling;
  REQUIRE_FALSE(in.fail());
  return syncs;
}

void require_as_few_for_many(Storage storage, const Manner& manner) {
  const temporary::MemoryFolder folder;
  const Syncs few = syncs_of(folder, 500, storage, manner), many = syncs_of(folder, 2000, storage, manner);
  CHECK(few.asking >= 1);
  CHECK(few.telling >= 1);
  CHECK(few.asking <= most_syncs);
  CHECK(few.telling <= most_syncs);
  CHECK(many.asking == few.asking);
  CHECK(many.telling == few.telling);
}

}  // namespace

TEST_CASE("R22: to ask for, keep and tell 2,000 samples costs as few syncs of the disk as 500", "[faults][r22]") {
  require_as_few_for_many(GENERATE(Storage::local, Storage::shared), {});
}

TEST_CASE("R22: to ask for samples until they are told costs as few syncs of the disk for many", "[faults][r22]") {
  require_as_few_for_many(GENERATE(Storage::local, Storage::shared), {.until_kept = false});
}

TEST_CASE("R22: outcomes told at once cost as few syncs of the disk with failures among them", "[faults][r22]") {
  require_as_few_for_many(GENERATE(Storage::local, Storage::shared), {.failures = true});
}

TEST_CASE("R22: labels that are told one by one cost a sync of the disk each, which shows that syncs are counted",
          "[faults][r22]") {
  const auto storage = GENERATE(Storage::local, Storage::shared);
  const temporary::MemoryFolder folder;
  const Syncs syncs = syncs_of(folder, 50, storage, {.one_by_one = true});
  CHECK(syncs.telling >= 50);
  CHECK(syncs.asking <= most_syncs);
}
