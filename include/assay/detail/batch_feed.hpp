// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/random.hpp>
#include <assay/data/sample.hpp>
#include <assay/learner/batch.hpp>

#include <cstdint>
#include <vector>

namespace assay::detail {

/// An order of samples that depends on a key and the samples' ids alone, drawn anew for every epoch.
///
/// Cost: linear in the number of samples (a bucket sort by hashed id).
class BatchOrder {
 public:
  /// `device`: where the order will be copied to.
  explicit BatchOrder(std::vector<SampleId> ids, torch::Device device = torch::kCPU);
  /// Positions 0 … n-1, [n] int64 on the CPU (in pinned memory, for a CUDA device): valid until the call after the
  /// next, so that one order can be drawn while the one before is on its way to a device.
  const torch::Tensor& shuffled(const RandomKey& key);

 private:
  struct Draw {
    std::uint64_t bits;
    std::size_t position;
  };

  std::vector<SampleId> ids_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::int64_t> starts_;  // of the buckets
  std::vector<Draw> draws_;
  torch::Tensor order_;
  torch::Tensor before_;  // the order of the call before
};

/// Hands out a packed pool in batches of a given order.
///
/// Rows are gathered a block of batches at a time into buffers that live as long as the feed, so that a batch costs
/// no gather, no look-up and no allocation of its own: its tensors are views made once.
/// Cost: one gather a block and tensor; at most 16 MiB beside the packed pool (one batch, if that is more).
class BatchFeed {
 public:
  BatchFeed(Batch packed, std::int64_t batch_size);

  std::int64_t samples() const noexcept { return packed_.size(); }
  std::int64_t batches() const noexcept { return (samples() + batch_size_ - 1) / batch_size_; }
  const Batch& packed() const noexcept { return packed_; }

  /// Starts an epoch. \param order [samples] int64.
  void start(const torch::Tensor& order);
  /// Batch `index` of the epoch; call with 0, 1, 2, … Valid until the next call.
  const Batch& batch(std::int64_t index);

 private:
  void fill(std::int64_t first_batch);

  Batch packed_;
  std::int64_t batch_size_;
  std::int64_t block_batches_;
  Batch block_;               // block_batches_ · batch_size_ rows
  std::vector<Batch> views_;  // the full batches of block_
  Batch tail_;                // the last, smaller batch of the epoch
  torch::Tensor order_;
};

}  // namespace assay::detail
