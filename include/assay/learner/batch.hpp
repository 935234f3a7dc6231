// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace assay {

/// Packed samples, ready for a forward pass: on the learner's device, in its dtype, standardised.
///
/// Shapes: every tensor has the number of samples as its first dimension. `weights` is [n], or [n, members] for
/// learners that weight samples per member; undefined means all ones.
struct Batch {
  std::vector<torch::Tensor> inputs;
  std::vector<torch::Tensor> targets;
  torch::Tensor weights;

  std::int64_t size() const { return inputs.empty() ? 0 : inputs.front().size(0); }
  /// Samples `index` ([m] int64, on the batch's device): one gather a tensor.
  Batch rows(const torch::Tensor& index) const;
  /// Samples [first, first + count) as views.
  Batch slice(std::int64_t first, std::int64_t count) const;
};

}  // namespace assay
