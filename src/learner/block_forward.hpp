// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../training/repeated_work.hpp"

#include <assay/detail/dense_net.hpp>

#include <mutex>
#include <optional>

namespace assay::detail {

/// Forward passes of a network over blocks of samples: on a device that can record its work, blocks of one size come
/// out of a recording from the third on, whatever the parameters are by then.
class BlockForward {
 public:
  /// `net.forward(x)` as float64 on the CPU. Thread-safe: of calls at the same time, one uses the recording.
  torch::Tensor run(const DenseNet& net, const torch::Tensor& x);

 private:
  std::mutex mutex_;
  const DenseNet* net_ = nullptr;
  torch::Tensor input_;
  torch::Tensor output_;
  std::optional<RepeatedWork> work_;
};

}  // namespace assay::detail
