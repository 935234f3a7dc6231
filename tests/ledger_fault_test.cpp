// SPDX-License-Identifier: Apache-2.0
// Campaigns whose ledger cannot be written at one moment: what was told can be told again, and no checkpoint knows of
// more than the ledger.
#include "support/child.hpp"
#include "support/disk.hpp"
#include "support/disk_campaign.hpp"
#include "support/folder.hpp"

#include <assay/checkpoint.hpp>
#include <assay/label/external_label.hpp>
#include <assay/ledger.hpp>
#include <assay/query/random.hpp>

#include <filesystem>
#include <vector>

// Last: LibTorch has macros of the same names.
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace assay;
using child::require;

namespace {

auto asked(const fs::path& dir) {
  at::set_num_threads(1);
  return Driver({.dir = dir, .max_rounds = 0, .seed = 5, .resume = Resume::if_present, .storage = Storage::local},
                {.labeled = sobol(toy::space(), 4), .unlabeled = sobol(toy::space(), 8, {.skip = 4})},
                Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {4}}), Random({.max_samples = 2}),
                ExternalLabel({.provides = {"y"}}), NoMetrology(), toy::loop(2));
}

std::vector<Told> outcomes(const std::vector<Sample>& samples) {
  std::vector<Told> told;
  for (const Sample& sample : samples) {
    told.push_back({sample.id, sample.id == samples[1].id ? failed("diverged") : done(toy::solve(sample.values))});
  }
  return told;
}

}  // namespace

TEST_CASE("an outcome that could not be written can be told again", "[faults]") {
  const bool at_once = GENERATE(false, true);
  const temporary::MemoryFolder folder;
  fs::create_directory(folder / "root");
  const int status = child::run([&] {
    disk::watch(folder / "root");
    auto driver = asked(folder / "root/c");
    require(driver.advance() == RunStatus::waiting, "samples to label");
    // The first checkpoint is written by a thread of its own, and must not meet the faults that are meant for telling:
    // a stop waits for it.
    driver.request_stop();
    require(driver.advance() == RunStatus::stopped, "a stop");
    require(driver.advance() == RunStatus::waiting, "the same samples to label");
    const std::vector<Sample> samples = driver.ask(4);
    const std::vector<Told> told = outcomes(samples);
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
