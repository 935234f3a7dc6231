// SPDX-License-Identifier: Apache-2.0
// A whole campaign on a disk that fails at every operation once, and loses its power before every operation once.
#include "support/child.hpp"
#include "support/disk.hpp"
#include "support/disk_campaign.hpp"
#include "support/folder.hpp"
#include "support/jobs.hpp"

#include <assay/ledger.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <future>
#include <set>

// Last: LibTorch has macros of the same names.
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace assay;
using child::require;

namespace {

std::string content_of_file(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Resumes what is in `dir` in a process of its own and requires the result of a campaign that nothing happened to, and
/// that no sample of `paid` is computed again.
void require_resumes(const fs::path& dir, const std::string& hash, const std::set<SampleId>& paid, Storage storage,
                     const temporary::MemoryFolder& folder) {
  const fs::path calls = folder / "calls_of_resume";
  fs::remove(calls);
  const int status = child::run([&] {
    require(disk_campaign::finish(disk_campaign::options(dir, storage), calls) == hash,
            "the hash of the uninterrupted campaign");
  });
  CHECK(status == 0);
  for (const auto& [id, times] : disk_campaign::computed(calls)) {
    CHECK(times == 1);
    CHECK(paid.count(id) == 0);
  }
}

/// Ids and the number of operations after which each was durable.
std::vector<std::pair<SampleId, std::size_t>> done_after(const fs::path& file) {
  std::vector<std::pair<SampleId, std::size_t>> done;
  std::ifstream in(file);
  SampleId id = 0;
  for (std::size_t operations = 0; in >> id >> operations;) done.emplace_back(id, operations);
  return done;
}

struct Whole {
  std::string hash;
  std::size_t operations = 0;
};

/// The campaign without trouble, and how many operations it makes.
Whole whole(const temporary::MemoryFolder& folder, Storage storage) {
  const fs::path root = folder / "whole";
  fs::create_directory(root);
  REQUIRE(child::run([&] {
            disk::watch(root);
            const std::string hash = disk_campaign::finish(disk_campaign::options(root / "c", storage),
                                                           folder / "calls_of_whole");
            for (const std::string& difference : disk::differences()) require(false, difference);
            std::ofstream(folder / "result") << hash << ' ' << disk::operations();
          }) == 0);
  Whole result;
  std::ifstream(folder / "result") >> result.hash >> result.operations;
  return result;
}

void require_to_survive_power_cuts(Storage storage) {
  const temporary::MemoryFolder folder;
  const Whole expected = whole(folder, storage);
  const fs::path root = folder / "root";
  fs::create_directory(root);
  fs::create_directory(folder / "images");
  REQUIRE(child::run([&] {
            disk::watch(root);
            disk::before_each([&](std::size_t n) {
              for (const std::uint64_t seed :
                   n % 3 == 0 ? std::vector<std::uint64_t>{0, n} : std::vector<std::uint64_t>{0}) {
                disk::survivors(folder / "images" / (std::to_string(n) + "_" + std::to_string(seed)), seed);
              }
            });
            DriverOptions made = disk_campaign::options(root / "c", storage);
            made.observers.push_back(disk_campaign::WhenDone{[&](SampleId id) {
              std::ofstream(folder / "done", std::ios::app) << id << ' ' << disk::operations() << '\n';
            }});
            require(disk_campaign::finish(made, folder / "calls_of_cut") == expected.hash, "the same hash");
          }) == 0);
  const auto done = done_after(folder / "done");
  REQUIRE(done.size() == 10);
  std::size_t images = 0;
  for (const fs::directory_entry& image : fs::directory_iterator(folder / "images")) {
    const std::size_t n = std::stoul(image.path().filename().string());
    std::set<SampleId> paid;
    for (const auto& [id, operations] : done) {
      if (operations < n) paid.insert(id);
    }
    INFO("cut before operation " << image.path().filename());
    require_resumes(image.path() / "c", expected.hash, paid, storage, folder);
    ++images;
  }
  CHECK(images > 300);
}

}  // namespace

TEST_CASE(
    "after a power cut at any moment a campaign on a local disk resumes to the same result and pays nothing twice",
    "[power_cuts_local]") {
  require_to_survive_power_cuts(Storage::local);
}

TEST_CASE(
    "after a power cut at any moment a campaign on shared storage resumes to the same result and pays nothing twice",
    "[power_cuts_shared]") {
  require_to_survive_power_cuts(Storage::shared);
}

namespace {

/// Samples 1, 2 and 3.
void commit_three(Ledger& ledger) {
  std::vector<NewEntry> entries;
  for (SampleId id : {1, 2, 3})
    entries.push_back({.id = id, .rank = id, .strategy = "given", .inputs = Values{{"x", 1.0 * id}}});
  ledger.commit_batch(1, entries, {});
}

}  // namespace

TEST_CASE("a start that may wait goes with the power, unless a later change or a sync took it along", "[faults]") {
  const temporary::MemoryFolder folder;
  const fs::path root = folder / "root";
  fs::create_directory(root);
  REQUIRE(child::run([&] {
            disk::watch(root);
            Ledger ledger = Ledger::create(root / "l.sqlite", "id", root / "objects");
            commit_three(ledger);
            const auto start = [&](SampleId id) {
              const Start one{id, ""};
              ledger.start_attempts({&one, 1}, Durable::with_next);
            };
            start(1);
            disk::survivors(folder / "waiting", 0);
            start(2);
            ledger.complete(1, 1, Values{{"y", 1.0}}, 0);
            disk::survivors(folder / "taken_along", 0);
            start(3);
            ledger.sync();
            disk::survivors(folder / "synced", 0);
          }) == 0);
  const auto counts = [&](const std::string& image) {
    const Ledger ledger = Ledger::open(folder / image / "l.sqlite", folder / image / "objects");
    return std::array{ledger.count(SampleState::queued), ledger.count(SampleState::running),
                      ledger.count(SampleState::done)};
  };
  CHECK((counts("waiting") == std::array<std::int64_t, 3>{3, 0, 0}));
  CHECK((counts("taken_along") == std::array<std::int64_t, 3>{1, 1, 1}));
  CHECK((counts("synced") == std::array<std::int64_t, 3>{0, 2, 1}));
}

TEST_CASE("a start that may wait is durable where it shares its commit with a label that must not", "[faults]") {
  const temporary::MemoryFolder folder;
  const fs::path root = folder / "root";
  constexpr int apart = 7;
  int status = apart;
  for (int attempt = 0; attempt < 100 && status == apart; ++attempt) {
    fs::remove_all(root);
    fs::create_directory(root);
    status = child::run([&] {
      disk::watch(root);
      Ledger ledger = Ledger::create(root / "l.sqlite", "id", root / "objects");
      commit_three(ledger);
      ledger.start_attempt(1, "");
      // The guard is asked before a commit and behind it. It holds the first one until both others have come.
      std::atomic<int> asked{0}, coming{0};
      std::atomic<bool> begun{false}, both_wait{false};
      ledger.set_guard([&] {
        if (asked++ > 0) return;
        begun = true;
        jobs::wait_until("two more changes wait", [&] { return both_wait.load(); });
      });
      std::future<void> first = std::async(std::launch::async, [&] { ledger.set_handle(1, 1, "somewhere"); });
      jobs::wait_until("a commit has begun", [&] { return begun.load(); });
      std::future<void> start = std::async(std::launch::async, [&] {
        const Start one{2, ""};
        ++coming;
        ledger.start_attempts({&one, 1}, Durable::with_next);
      });
      std::future<void> label = std::async(std::launch::async, [&] {
        ++coming;
        ledger.complete(1, 1, Values{{"y", 1.0}}, 0);
      });
      jobs::wait_until("two more changes come", [&] { return coming == 2; });
      ::usleep(50'000);  // for their last step: whether that was enough is seen below
      both_wait = true;
      for (std::future<void>* change : {&first, &start, &label}) change->get();
      if (asked != 4) ::_exit(apart);  // three commits in place of two: once more
      disk::survivors(folder / "image", 0);
    });
  }
  REQUIRE(status == 0);
  const Ledger ledger = Ledger::open(folder / "image/l.sqlite", folder / "image/objects");
  CHECK(ledger.count(SampleState::done) == 1);
  CHECK(ledger.count(SampleState::running) == 1);
  CHECK(ledger.count(SampleState::queued) == 1);
}

TEST_CASE("a disk that fails at any operation ends in a clear error or in nothing, and the campaign resumes",
          "[faults]") {
  const auto fault = GENERATE(disk::Fault::no_space, disk::Fault::io_error, disk::Fault::short_write);
  const bool stays = GENERATE(false, true);
  const temporary::MemoryFolder folder;
  const Whole expected = whole(folder, Storage::local);
  int stopped = 0;
  // Each of the six combinations takes every sixth operation, so that together they take all of them once.
  const std::size_t first = 1 + 2 * static_cast<std::size_t>(fault) + (stays ? 1 : 0);
  for (std::size_t n = first; n <= expected.operations; n += 6) {
    const fs::path root = folder / "root";
    fs::remove_all(root);
    fs::create_directory(root);
    fs::remove(folder / "done");
    fs::remove(folder / "calls");
    const int status = child::run([&] {
      disk::watch(root);
      stays ? disk::fail_from(n, fault) : disk::fail_at(n, fault);
      DriverOptions made = disk_campaign::options(root / "c", Storage::local);
      made.observers.push_back(
          disk_campaign::WhenDone{[&](SampleId id) { std::ofstream(folder / "done", std::ios::app) << id << " 0\n"; }});
      try {
        disk_campaign::finish(made, folder / "calls");
      } catch (const Error& error) {
        std::ofstream(folder / "error") << error.what();
        ::_exit(3);
      }
    });
    INFO("operation " << n << " of " << expected.operations << ": " << content_of_file(folder / "error"));
    CHECK((status == 0 || status == 3));
    if (status == 3) {
      ++stopped;
      CHECK_THAT(content_of_file(folder / "error"), Contains("[assay.") && Contains((folder / "root").string()));
    }
    std::set<SampleId> paid;
    for (const auto& [id, none] : done_after(folder / "done")) paid.insert(id);
    require_resumes(root / "c", expected.hash, paid, Storage::local, folder);
  }
  CHECK(stopped > 20);
}
