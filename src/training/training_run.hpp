// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device_epochs.hpp"

#include <assay/detail/batch_feed.hpp>
#include <assay/detail/generator_scope.hpp>
#include <assay/training/default_training_loop.hpp>

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace assay::detail {

/// The device an option names. Errors: `ConfigError` `assay.training.device` for one that is not there.
torch::Device training_device(const std::string& name);
/// The dtype an option names. Errors: `ConfigError`.
torch::Dtype training_dtype(const std::string& name);

/// Whether a training goes on from earlier weights.
inline bool fine_tunes(const DefaultTrainingLoopOptions& options, const TrainingContext& context) {
  return context.fine_tuning && options.warm_start != WarmStart::reset;
}
/// θ ← shrink · θ + noise. The noise is the same in every dtype and on every device.
void shrink_and_perturb(const std::vector<torch::Tensor>& parameters, const ShrinkAndPerturbOptions& options,
                        std::uint64_t seed);
/// Threads that pay for a step of this size: a function of the sizes alone, at least 1 and at most `allowed`.
std::int64_t training_threads(const std::vector<torch::Tensor>& parameters, std::int64_t batch_size,
                              std::int64_t allowed);

/// Scales the gradients so that their norm, taken over all of them together, is at most `max_norm`. No device sync.
void clip_gradients(const std::vector<torch::Tensor>& parameters, double max_norm);
/// Leaves the parameters without gradients: the next backward pass hands its own over in place of adding.
void clear_gradients(const std::vector<torch::Tensor>& parameters);

/// Throws `TrainingError` unless `loss` is a single number that depends on the parameters.
inline void require_loss(const torch::Tensor& loss);
[[noreturn]] void throw_bad_loss(const torch::Tensor& loss);

/// One training of a prepared learner: its batches, its losses, and when it ends.
class TrainingRun {
 public:
  /// Samples in packed form; without any, nothing is packed.
  struct Part {
    const TensorPool* pool = nullptr;
    std::vector<std::int64_t> rows;
    Batch packed;
  };

  /// With `recorded` the packed samples lie in its memory, and it runs the batches.
  TrainingRun(const DefaultTrainingLoopOptions& options, LearnerRef learner, const TrainingContext& context,
              TrainingProgress& progress, DeviceEpochs* recorded);

  bool finished() const;
  /// Draws the epoch's order and gives its learning rate.
  double start_epoch();
  std::int64_t batches() const { return (parts_.training.packed.size() + batch_size_ - 1) / batch_size_; }
  const Batch& batch(std::int64_t index) { return feed_->batch(index); }
  void count(const torch::Tensor& loss, std::int64_t samples);
  /// What an epoch's end has to know, on the device: the sum of the losses, whether the parameters are finite, the
  /// validation loss (0 without one).
  torch::Tensor readings();
  /// Validates, reads all losses in one sync, and keeps the parameters if they are the best so far.
  /// Errors: `TrainingError` `assay.training.not_finite`.
  EpochReport finish_epoch(double rate);
  /// Puts the parameters back to what they were when the epoch started.
  void undo_epoch() const { epoch_start_.put_back(tracked_); }
  void restore_best();
  TrainingReport report(std::string ended_by) const;
  std::string ended_by() const { return stopped_early() ? "early_stopping" : "epochs"; }

 private:
  struct Parts {
    Part training;
    Part validation;
    bool out_of_bag = false;
  };

  Parts split(const TrainingContext& context) const;
  const torch::Tensor& order_of(std::int64_t epoch);
  /// Gives the device the order of an epoch.
  void deal(std::int64_t epoch);
  static Parts held_by(DeviceEpochs* recorded, Parts parts);
  bool validates() const { return !parts_.validation.rows.empty(); }
  bool stopped_early() const { return stopper_ && !history().empty() && stopper_->should_stop(history()); }
  const std::vector<EpochReport>& history() const { return progress_.history; }
  torch::Tensor validation_loss();
  torch::Tensor parameter_check() const;
  struct Suspect {  // the sample with a non-finite loss, or else with the largest
    SampleId id = -1;
    double loss = -std::numeric_limits<double>::infinity();
    std::string bad_value;
  };
  [[noreturn]] void throw_not_finite(const EpochReport& epoch);
  void look_for_suspect(const Part& part, Suspect& suspect);

  const DefaultTrainingLoopOptions& options_;
  LearnerRef learner_;
  RandomKey random_;
  TrainingProgress& progress_;
  std::int64_t epochs_;
  double rate_;

  DeviceEpochs* recorded_;
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> tracked_;  // parameters and buffers
  Snapshot epoch_start_;
  Parts parts_;
  std::int64_t batch_size_;
  BatchOrder order_;
  std::int64_t dealt_ = -1;        // the epoch whose order the device has
  std::optional<BatchFeed> feed_;  // unless recorded
  std::optional<EarlyStopper> stopper_;
  GeneratorScope generator_;
  double host_loss_ = 0;       // summed over samples, on the CPU
  torch::Tensor device_loss_;  // the same, elsewhere
};

inline void require_loss(const torch::Tensor& loss) {
  if (!loss.defined() || loss.dim() != 0 || !loss.requires_grad()) throw_bad_loss(loss);
}

}  // namespace assay::detail
