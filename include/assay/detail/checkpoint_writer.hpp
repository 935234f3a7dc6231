// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/checkpoint.hpp>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace assay::detail {

/// Writes checkpoints beside the campaign's own work, for at most a tenth of the time, and never more than a few
/// seconds late: where phases take less than the disk does, not each of them is worth a checkpoint. One that still
/// waits when the next comes is left out: the newer one holds all that it would have held.
class CheckpointWriter {
 public:
  /// \param guard asked before each is written; throws if this process may no longer write.
  CheckpointWriter(std::filesystem::path campaign, std::int64_t keep, std::function<void()> guard)
      : campaign_(std::move(campaign)), keep_(keep), guard_(std::move(guard)) {}
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  /// Writes what waits; an error there is lost with the object, so `flush` first where it matters.
  ~CheckpointWriter();

  /// Takes a checkpoint, and returns; where no thread can be started it is written first. Errors: those of an earlier
  /// one, once.
  void submit(EncodedCheckpoint checkpoint);
  /// Writes what waits, and returns when it is on the disk. Errors: as `write_checkpoint`.
  void flush();

 private:
  void work();
  void write(const EncodedCheckpoint& checkpoint);
  bool is_due(std::chrono::steady_clock::time_point now) const;
  void rethrow();

  std::filesystem::path campaign_;
  std::int64_t keep_;
  std::function<void()> guard_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<EncodedCheckpoint> waiting_;
  bool writing_ = false;
  int flushing_ = 0;  // callers of `flush`
  bool end_ = false;
  std::chrono::steady_clock::time_point due_;  // when the next may be written
  std::exception_ptr error_;
  std::string last_tensors_;           // digest of the newest tensor file, and
  std::filesystem::path last_folder_;  // the checkpoint it stands in
  std::thread thread_;                 // started by a checkpoint
};

}  // namespace assay::detail
