// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/checkpoint.hpp>
#include <assay/detail/checkpoint_writer.hpp>
#include <assay/error.hpp>

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
  constexpr std::chrono::milliseconds cost(20);  // of each, at least
  const Clock::time_point began = Clock::now();
  std::int64_t written = 0;
  {
    assay::detail::CheckpointWriter writer(folder.path(), 3, [&] {
      ++written;
      std::this_thread::sleep_for(cost);
    });
    for (std::int64_t number = 1; Clock::now() - began < 50 * cost; ++number) {
      writer.submit(numbered(number));
      std::this_thread::sleep_for(cost / 10);
    }
  }
  const auto most = (Clock::now() - began) / (10 * cost);
  CHECK(written >= 2);
  CHECK(written <= 2 + most);  // one at the start, one at the end
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
