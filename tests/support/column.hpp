// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ops/tensor.h>

#include <torch/types.h>

#include <vector>

/// Numbers as a matrix of one column.
inline torch::Tensor column(const std::vector<double>& numbers) {
  return torch::tensor(numbers, torch::kFloat64).unsqueeze(1);
}
