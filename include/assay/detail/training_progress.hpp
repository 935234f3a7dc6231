// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/state.hpp>
#include <assay/training/context.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace assay::detail {

/// A copy of tensors, taken and put back without allocating after the first time.
class Snapshot {
 public:
  Snapshot() = default;
  Snapshot(const Snapshot& other);
  Snapshot(Snapshot&&) noexcept = default;
  Snapshot& operator=(const Snapshot& other) { return *this = Snapshot(other); }
  Snapshot& operator=(Snapshot&&) noexcept = default;
  ~Snapshot() = default;

  bool empty() const noexcept { return copies_.empty(); }
  void take(const std::vector<torch::Tensor>& live);
  void put_back(const std::vector<torch::Tensor>& live) const;

  void save(State& state, const std::string& prefix) const;
  /// Reads back `live.size()` tensors. Errors: `CheckpointError` if one is missing or of another shape.
  void load(const State& state, const std::string& prefix, const std::vector<torch::Tensor>& live);

 private:
  std::vector<torch::Tensor> copies_;
};

/// Ends a training whose validation loss has stopped falling.
struct EarlyStopper {
  std::int64_t patience;
  double min_delta;

  /// True if the last epoch of `history` improved on all epochs before it by more than `min_delta`.
  bool improved(const std::vector<EpochReport>& history) const { return best_epoch(history) == last(history); }
  /// True if the best epoch lies `patience` epochs back.
  bool should_stop(const std::vector<EpochReport>& history) const {
    return last(history) - best_epoch(history) >= patience;
  }
  /// The epoch (from 1) that training ends with, if it ends here; 0 for an empty history.
  std::int64_t best_epoch(const std::vector<EpochReport>& history) const;

 private:
  static std::int64_t last(const std::vector<EpochReport>& history) {
    return static_cast<std::int64_t>(history.size());
  }
};

/// How far a training has come: with the learner and the optimizer, all that continuing it takes.
struct TrainingProgress {
  std::int64_t round = 0;
  bool fine_tuning = false;
  std::int64_t samples = 0;
  std::uint64_t stream = 0;  ///< of the round's random key
  std::int64_t threads = 1;  ///< of LibTorch: sums are split among them
  std::vector<EpochReport> history;
  Snapshot best;
  bool mid_epoch = false;  ///< the learner is not where `history` ends: an exception left the epoch

  /// True if this is a training of what `context` asks for, and can be continued.
  bool belongs_to(const TrainingContext& context) const {
    return !mid_epoch && round == context.round && fine_tuning == context.fine_tuning &&
           stream == context.random.bits();
  }
  void save(State& state) const;
  /// All but `best`.
  static TrainingProgress load(const State& state);
};

}  // namespace assay::detail
