// SPDX-License-Identifier: Apache-2.0
// Campaigns where the system starts no more threads, as where a limit of processes is reached.
#include "support/child.hpp"
#include "support/disk_campaign.hpp"
#include "support/folder.hpp"
#include "support/thread_calls.hpp"

#include <csignal>

// Last: LibTorch has macros of the same names.
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace assay;
using child::require;

TEST_CASE("a campaign that gets no thread for its checkpoints writes them itself", "[faults]") {
  const temporary::MemoryFolder folder;
  CHECK(child::run([&] {
          const std::string expected = disk_campaign::finish(disk_campaign::options(folder / "whole", Storage::local),
                                                             folder / "calls_of_whole");
          threads::refuse(true);
          require(
              disk_campaign::finish(disk_campaign::options(folder / "c", Storage::local), folder / "calls") == expected,
              "the same hash");
          sigset_t blocked;
          ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
          require(::sigisemptyset(&blocked), "no signal is left blocked");
        }) == 0);
  const auto newest = [&](const std::string& campaign) {
    std::set<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / campaign / "checkpoints"))
      names.insert(entry.path().filename());
    return names.empty() ? "none" : *names.rbegin();
  };
  CHECK(newest("c") == newest("whole"));
}

TEST_CASE("a campaign that gets no thread for its checkpoints goes on in the background when it gets one", "[faults]") {
  const temporary::MemoryFolder folder;
  CHECK(child::run([&] {
          DriverOptions made = disk_campaign::options(folder / "c", Storage::local);
          made.observers.push_back(disk_campaign::WhenDone{[](SampleId) { threads::refuse(false); }});
          threads::refuse(true);
          disk_campaign::finish(made, folder / "calls");
        }) == 0);
  CHECK(disk_campaign::computed(folder / "calls").size() == 10);
}

TEST_CASE("a lease that no thread can renew is given up again, with an error that says so", "[faults]") {
  const temporary::MemoryFolder folder;
  CHECK(child::run([&] {
          const DriverOptions made = disk_campaign::options(folder / "c", Storage::shared);
          threads::refuse(true);
          try {
            disk_campaign::finish(made, folder / "calls");
            require(false, "an error");
          } catch (const CheckpointError& error) {
            require(error.id() == "assay.campaign.lease", error.what());
            require(std::string_view(error.what()).find("ulimit -u") != std::string_view::npos, error.what());
          }
          threads::refuse(false);
          disk_campaign::finish(made, folder / "calls");  // the same process: the lease is not held
        }) == 0);
  CHECK(disk_campaign::computed(folder / "calls").size() == 10);
}
