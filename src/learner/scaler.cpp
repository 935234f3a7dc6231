// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/learner/scaler.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace assay {

namespace {

/// What columns are measured in, so that the squares and sums of their numbers are neither infinite nor zero: 1, or of
/// very large or small ones the largest.
torch::Tensor unit_of(const torch::Tensor& data) {
  const torch::Tensor size = data.abs().amax(0);
  const torch::Tensor extreme = (size > 0).logical_and((size < 1e-140).logical_or(size > 1e140));
  return at::where(extreme, size, at::ones_like(size));
}

/// Of what varies by less than this share of its field's most varying component nothing is to be learnt: single
/// precision rounds there.
constexpr double least_share = 1e-6;

}  // namespace

torch::Tensor spread(const torch::Tensor& data) {
  const torch::Tensor unit = unit_of(data), scaled = data / unit, mean = scaled.mean(0);
  const torch::Tensor deviation = (scaled - mean).square().mean(0).sqrt();
  return at::where(deviation <= 1e-12 * mean.abs(), at::zeros_like(deviation), deviation * unit);
}

torch::Tensor error_scale(const torch::Tensor& data) {
  const torch::Tensor deviation = spread(data), varying = deviation > 0;
  const double count = varying.sum().item<double>();
  if (count == 0) return at::ones_like(deviation);
  const torch::Tensor largest = deviation.max(),
                      shared = ((deviation / largest).square().sum() / count).sqrt() * largest;
  return at::where(varying, deviation.maximum(largest * least_share), shared);
}

Standardizer Standardizer::fit_targets(const torch::Tensor& data, const std::vector<std::int64_t>& columns) {
  const torch::Tensor deviation = spread(data), varying = deviation > 0;
  std::vector<torch::Tensor> scales;
  std::int64_t first = 0;
  for (const std::int64_t count : columns) {
    const torch::Tensor own = deviation.narrow(0, first, count);
    scales.push_back(own.maximum(own.max() * least_share));
    first += count;
  }
  const torch::Tensor scale = at::cat(scales), unit = unit_of(data);
  return {at::where(varying, (data / unit).mean(0) * unit, data[0]), at::where(varying, scale, at::zeros_like(scale))};
}

torch::Tensor Standardizer::divisor() const { return at::where(scale == 0, at::ones_like(scale), scale); }

Standardizer Standardizer::fit(const torch::Tensor& data) {
  const torch::Tensor deviation = spread(data), unit = unit_of(data);
  return {(data / unit).mean(0) * unit, at::where(deviation == 0, at::ones_like(deviation), deviation)};
}

Standardizer Standardizer::identity(std::int64_t columns) {
  return {at::zeros({columns}, torch::kFloat64), at::ones({columns}, torch::kFloat64)};
}

Standardizer Standardizer::load(const Values& tensors, const std::string& name, std::int64_t columns) {
  const auto read = [&](const std::string& part) {
    const torch::Tensor& saved = tensors.at(part);
    if (saved.scalar_type() == torch::kFloat64 && saved.dim() == 1 && saved.size(0) == columns) return saved;
    throw CheckpointError({"assay.checkpoint.learner", "learner state '" + part + "'",
                           std::to_string(columns) + " float64 numbers", "others",
                           "load the state into a learner with the same fields"});
  };
  return {read(name + "/mean"), read(name + "/scale")};
}

void Standardizer::save(Values& tensors, const std::string& name) const {
  tensors.set(name + "/mean", mean);
  tensors.set(name + "/scale", scale);
}

}  // namespace assay
