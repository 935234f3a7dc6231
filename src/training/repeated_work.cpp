// SPDX-License-Identifier: Apache-2.0
#include "repeated_work.hpp"

#include <c10/util/Exception.h>

namespace assay::detail {

namespace {

/// The first runs may do more than later ones: allocate moments, choose kernels.
constexpr int most_changes = 3;

}  // namespace

RepeatedWork::RepeatedWork(std::shared_ptr<GraphBackend> backend, c10::DeviceType device,
                           std::function<void(std::int64_t)> work, std::int64_t unrolled)
    : backend_(std::move(backend)), device_(device), work_(std::move(work)), unrolled_(unrolled) {}

void RepeatedWork::look_again() {
  trusted_ = false;
  changes_ = 0;
  obstacle_.clear();
}

void RepeatedWork::drop_recordings() {
  once_.reset();
  many_.reset();
}

void RepeatedWork::run(std::int64_t times) {
  while (times > 0) {
    std::int64_t done = 1;
    if (!obstacle_.empty()) {
      work_(1);
    } else if (!trusted_) {
      watch();
    } else if (unrolled_ > 1 && times >= unrolled_) {
      if (launch(many_, unrolled_)) done = unrolled_;
    } else {
      launch(once_, 1);
    }
    times -= done;
  }
}

bool RepeatedWork::launch(std::unique_ptr<RecordedWork>& recording, std::int64_t times) {
  if (!recording) recording = record(times);
  if (!recording) {
    work_(1);
    return false;
  }
  recording->launch();
  replayed_ += times;
  return true;
}

void RepeatedWork::watch() {
  WorkTrace now = trace_work(device_, [this] { work_(1); });
  trusted_ = known_ && *known_ == now && now.obstacle.empty();
  if (!trusted_) drop_recordings();
  obstacle_ = now.obstacle;
  if (!trusted_ && obstacle_.empty() && known_ && ++changes_ > most_changes) {
    obstacle_ = "the step changes each time: " + difference(*known_, now);
  }
  known_ = std::move(now);
}

std::unique_ptr<RecordedWork> RepeatedWork::record(std::int64_t times) try {
  return backend_->record([this, times] { work_(times); });
} catch (const c10::Error& error) {
  // After a failed recording the device's allocator may stay in a state of its own: none is tried again.
  obstacle_ = std::string("it could not be recorded: ") + error.what_without_backtrace();
  set_graph_support(device_, {nullptr, obstacle_});
  drop_recordings();
  return nullptr;
}

}  // namespace assay::detail
