// SPDX-License-Identifier: Apache-2.0
#include <assay/learner/scaler.hpp>

#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace assay {

Standardizer Standardizer::fit(const torch::Tensor& data) {
  const torch::Tensor mean = data.mean(0);
  const torch::Tensor deviation = (data - mean).square().mean(0).sqrt();
  // Equal numbers leave a deviation of a few roundings of their mean, not exactly zero.
  const torch::Tensor constant = deviation <= 1e-12 * mean.abs();
  return {mean, at::where(constant, at::ones_like(deviation), deviation)};
}

Standardizer Standardizer::identity(std::int64_t columns) {
  return {at::zeros({columns}, torch::kFloat64), at::ones({columns}, torch::kFloat64)};
}

}  // namespace assay
