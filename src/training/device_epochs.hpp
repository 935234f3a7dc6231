// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repeated_work.hpp"

#include <assay/learner/batch.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace assay::detail {

/// Packed samples in memory of a device that is kept while their number grows.
class GrowingBatch {
 public:
  /// Copies the samples into it and gives views of them.
  /// Cost: one copy a tensor. Memory: a quarter more rows than there are, or what fits into 16 MiB if that is more;
  /// more samples than that get new memory.
  Batch hold(const Batch& packed);
  std::int64_t capacity() const noexcept { return capacity_; }
  std::int64_t row_bytes() const noexcept { return row_bytes_; }
  /// The samples and the spare rows behind them.
  const Batch& memory() const noexcept { return memory_; }

 private:
  bool fits(const Batch& packed) const;

  Batch memory_;
  std::int64_t capacity_ = 0;
  std::int64_t row_bytes_ = 0;
};

/// The epochs of a learner on a device whose work can be recorded.
///
/// All that a step reads lies on the device, in memory that is kept from training to training: the packed pool, the
/// epoch's order, the place in it, the learning rate, the sum of the losses. A recorded step (gather, forward, loss,
/// backward, clip, update) needs nothing of the host, and serves all rounds of a campaign while the pool grows. The
/// smaller last batch of an epoch, and what is computed at an epoch's end (validation, checks), are recorded as well.
class DeviceEpochs {
 public:
  /// What a training does, with the learner and the options of its own.
  struct Work {
    std::function<torch::Tensor(const Batch&)> step;  ///< one update of the parameters; gives the loss
    std::function<torch::Tensor()> readings;          ///< at an epoch's end: [3] float64
  };

  DeviceEpochs(std::shared_ptr<GraphBackend> backend, torch::Device device);

  std::unique_ptr<StreamScope> own_stream() const { return backend_->own_stream(device_); }
  torch::Device device() const noexcept { return device_; }
  /// A 0-dimensional tensor with the learning rate of the epoch: float32, as fused updates on a device read it.
  const torch::Tensor& rate() const noexcept { return rate_; }
  /// The sum of the epoch's losses, each times its batch's samples: 0-dimensional, float64.
  const torch::Tensor& loss_sum() const noexcept { return loss_sum_; }

  Batch hold_training(const Batch& packed);
  Batch hold_validation(const Batch& packed) { return validation_.hold(packed); }
  /// Starts a training on what `hold_training` was given last. What `work` refers to has to live until the next one.
  void begin(Work work, std::int64_t batch_size);
  /// Gives the next epoch its order, behind what the device was given so far.
  /// \param order [samples] int64 on the CPU; unchanged until that epoch's readings have been waited for.
  void deal(const torch::Tensor& order);
  void set_rate(double rate);
  void run_batches();
  /// The readings, on the device. What comes after begins a new epoch.
  const torch::Tensor& finish_epoch();

  /// Why steps are not recorded; empty while nothing speaks against it.
  std::string obstacle() const;
  /// Batches of this training that came out of a recording.
  std::int64_t replayed() const { return whole_.replayed() + rest_.replayed() - replayed_before_; }

 private:
  /// The samples of the next batches of the order, a batch every `spacing_` rows.
  Batch gather(std::int64_t rows, std::int64_t batches) const;
  void steps(std::int64_t rows, std::int64_t times);
  void rewind();

  std::shared_ptr<GraphBackend> backend_;
  torch::Device device_;
  Work work_;
  std::int64_t batch_size_ = 0;
  std::int64_t spacing_ = 1;  // rows from one batch of a launch to the next
  std::int64_t samples_ = 0;
  GrowingBatch training_;
  GrowingBatch validation_;
  torch::Tensor order_;   // [capacity] int64
  torch::Tensor lanes_;   // places in the order behind the cursor, [batches of a launch, spacing_]
  torch::Tensor cursor_;  // 0-dimensional: the place in the order
  torch::Tensor rate_;
  double rate_value_ = 0;  // what rate_ holds
  torch::Tensor loss_sum_;
  torch::Tensor readings_;
  RepeatedWork whole_;
  RepeatedWork rest_;
  RepeatedWork end_;
  std::int64_t replayed_before_ = 0;
};

}  // namespace assay::detail
