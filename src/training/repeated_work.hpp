// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "work_trace.hpp"

#include <assay/detail/graph_backend.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace assay::detail {

/// Work on a device that is done over and over: eagerly at first and watched, then out of a recording.
///
/// It is recorded once it did the same twice in succession: the same operators with the same shapes and numbers, in the
/// same memory apart from what it allocates and frees itself. Work that reads a number on the host, or whose shapes
/// depend on data, or that changes every time, is never recorded: `obstacle` says why. What a recording uses lives as
/// long as the recording.
/// A change that neither operators nor their arguments show (a branch on a number that the host alone knows, the same
/// in two successive runs) is not found before `look_again`.
class RepeatedWork {
 public:
  /// `work`: does the work as often as it is told to.
  /// `unrolled`: how often the work is done in one launch, where that many are asked for at once.
  RepeatedWork(std::shared_ptr<GraphBackend> backend, c10::DeviceType device, std::function<void(std::int64_t)> work,
               std::int64_t unrolled = 1);

  /// Does the work. Errors: what the work throws.
  void run(std::int64_t times = 1);
  /// The next run is watched again: a recording goes on to be used if the work is still what it was.
  void look_again();

  /// Why the work is not recorded; empty while nothing speaks against it.
  const std::string& obstacle() const noexcept { return obstacle_; }
  /// How often the work was done out of a recording.
  std::int64_t replayed() const noexcept { return replayed_; }

 private:
  void watch();
  void drop_recordings();
  std::unique_ptr<RecordedWork> record(std::int64_t times);
  bool launch(std::unique_ptr<RecordedWork>& recording, std::int64_t times);

  std::shared_ptr<GraphBackend> backend_;
  c10::DeviceType device_;
  std::function<void(std::int64_t)> work_;
  std::int64_t unrolled_;
  std::optional<WorkTrace> known_;  // what the work did last time; the memory of the recordings
  bool trusted_ = false;            // it did so twice
  int changes_ = 0;
  std::string obstacle_;
  std::int64_t replayed_ = 0;
  std::unique_ptr<RecordedWork> once_;
  std::unique_ptr<RecordedWork> many_;  // `unrolled_` times
};

}  // namespace assay::detail
