// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/checkpoint_writer.hpp>
#include <assay/detail/quiet_thread.hpp>

#include <algorithm>
#include <system_error>
#include <utility>

namespace assay::detail {

namespace {

using Clock = std::chrono::steady_clock;

/// Between two checkpoints: so many times what the first took to write.
constexpr int rest = 9;
constexpr Clock::duration longest_rest = std::chrono::seconds(5);

}  // namespace

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

/// With the lock held.
void CheckpointWriter::rethrow() {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void CheckpointWriter::submit(EncodedCheckpoint checkpoint) {
  std::unique_lock lock(mutex_);
  rethrow();
  if (!thread_.joinable()) {
    try {
      thread_ = quiet_thread([this] { work(); });
    } catch (const std::system_error&) {  // none to be had, now: the campaign is slower, and goes on
      return write(checkpoint);
    }
  }
  waiting_ = std::move(checkpoint);
  changed_.notify_all();
}

void CheckpointWriter::write(const EncodedCheckpoint& checkpoint) {
  guard_();
  WrittenCheckpoint written = write_checkpoint(campaign_, checkpoint, keep_, {last_folder_, last_tensors_});
  last_folder_ = std::move(written.folder);
  last_tensors_ = std::move(written.tensors_digest);
}

void CheckpointWriter::flush() {
  std::unique_lock lock(mutex_);
  ++flushing_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return (!waiting_ && !writing_) || error_; });
  --flushing_;
  rethrow();
}

/// With the lock held.
bool CheckpointWriter::is_due(Clock::time_point now) const { return now >= due_ || flushing_ > 0 || end_; }

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return waiting_ || end_; });
    if (!waiting_) return;
    changed_.wait_until(lock, due_, [this] { return is_due(Clock::now()); });
    const EncodedCheckpoint next = *std::exchange(waiting_, std::nullopt);
    writing_ = true;
    lock.unlock();
    const Clock::time_point began = Clock::now();
    std::exception_ptr error;
    try {
      write(next);
    } catch (...) {
      error = std::current_exception();
    }
    const Clock::time_point ended = Clock::now();
    lock.lock();
    due_ = ended + std::min(rest * (ended - began), longest_rest);
    writing_ = false;
    if (error) error_ = error;
    changed_.notify_all();
  }
}

}  // namespace assay::detail
