// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/checkpoint.hpp>
#include <assay/detail/checkpoint_writer.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <chrono>
#include <thread>

using namespace assay;
using Clock = std::chrono::steady_clock;

namespace {

EncodedCheckpoint numbered(std::int64_t number, std::int64_t bytes = 1) {
  Checkpoint checkpoint;
  checkpoint.number = number;
  checkpoint.json = {{"number", number}};
  checkpoint.tensors.set("t", torch::full({bytes}, number % 100, torch::kUInt8));
  return encode(checkpoint);
}

constexpr std::int64_t keep_all = 1'000'000;

}  // namespace

TEST_CASE("what waits is on the disk when flush returns, however short the rest since the last", "[driver]") {
  const toy::Folder folder;
  assay::detail::CheckpointWriter writer(folder.path(), 3, [] {});
  for (std::int64_t number = 1; number <= 20; ++number) {
    writer.submit(numbered(number, number == 1 ? 1 << 22 : 1));  // the first takes long: a long rest follows it
    if (number % 5 != 0) continue;
    writer.flush();
    CHECK(last_checkpoint_number(folder.path()) == number);
  }
}

TEST_CASE("what waits when a campaign ends is written", "[driver]") {
  const toy::Folder folder;
  {
    assay::detail::CheckpointWriter writer(folder.path(), 3, [] {});
    writer.submit(numbered(1, 1 << 22));
    writer.flush();
    writer.submit(numbered(2));
  }
  CHECK(last_checkpoint_number(folder.path()) == 2);
}

TEST_CASE("what waits is written when its time has come, though no other comes", "[driver]") {
  const toy::Folder folder;
  assay::detail::CheckpointWriter writer(folder.path(), 3, [] {});
  writer.submit(numbered(1, 1 << 20));
  writer.submit(numbered(2));
  for (int i = 0; i < 6000 && last_checkpoint_number(folder.path()) < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(last_checkpoint_number(folder.path()) == 2);
}

TEST_CASE("checkpoints of phases that take less than the disk take a tenth of the time", "[driver]") {
  const toy::Folder folder;
  for (const char* name : {"alone", "paced"}) std::filesystem::create_directory(folder / name);
  constexpr std::int64_t bytes = 1 << 16;
  double cost = 1e9;  // of the cheapest of some
  for (std::int64_t number = 1; number <= 10; ++number) {
    const Clock::time_point began = Clock::now();
    write_checkpoint(folder / "alone", numbered(number, bytes), keep_all);
    cost = std::min(cost, std::chrono::duration<double>(Clock::now() - began).count());
  }
  const Clock::time_point began = Clock::now();
  double seconds = 0;
  {
    assay::detail::CheckpointWriter writer(folder / "paced", keep_all, [] {});
    for (std::int64_t number = 1; seconds < 100 * cost; ++number) {
      writer.submit(numbered(number, bytes));
      seconds = std::chrono::duration<double>(Clock::now() - began).count();
    }
  }
  const double written = static_cast<double>(checkpoint_folders(folder / "paced").size());
  CHECK(written >= 2);
  // One at the start, one at the end; half the cost in case the cheapest of those alone was dear.
  CHECK(written <= 2 + seconds / (10 * cost / 2));
}

TEST_CASE("who may no longer write writes no checkpoint", "[driver]") {
  const toy::Folder folder;
  bool may = true;
  assay::detail::CheckpointWriter writer(folder.path(), 3, [&] {
    if (!may) throw CheckpointError({"assay.campaign.lease_lost", "here", "", "", ""});
  });
  writer.submit(numbered(1));
  writer.flush();
  may = false;
  writer.submit(numbered(2));
  CHECK_THROWS_AS(writer.flush(), CheckpointError);
  CHECK(last_checkpoint_number(folder.path()) == 1);
}
