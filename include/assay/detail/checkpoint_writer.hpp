// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/checkpoint.hpp>

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace assay::detail {

/// Writes checkpoints beside the campaign's own work. One that still waits when the next comes is left out: the newer
/// one holds all that it would have held.
class CheckpointWriter {
 public:
  CheckpointWriter(std::filesystem::path campaign, std::int64_t keep) : campaign_(std::move(campaign)), keep_(keep) {}
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  /// Writes what waits; an error there is lost with the object, so `flush` first where it matters.
  ~CheckpointWriter();

  /// Takes a checkpoint, and returns; where no thread can be started it is written first. Errors: those of an earlier
  /// one, once.
  void submit(EncodedCheckpoint checkpoint);
  /// Returns when everything submitted is on the disk. Errors: as `write_checkpoint`.
  void flush();

 private:
  void work();
  void write(const EncodedCheckpoint& checkpoint);
  void rethrow();

  std::filesystem::path campaign_;
  std::int64_t keep_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<EncodedCheckpoint> waiting_;
  bool writing_ = false;
  bool end_ = false;
  std::exception_ptr error_;
  std::string last_tensors_;           // digest of the newest tensor file, and
  std::filesystem::path last_folder_;  // the checkpoint it stands in
  std::thread thread_;                 // started by a checkpoint
};

}  // namespace assay::detail
