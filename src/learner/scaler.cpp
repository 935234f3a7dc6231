// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/learner/scaler.hpp>

#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace assay {

torch::Tensor spread(const torch::Tensor& data) {
  const torch::Tensor mean = data.mean(0);
  const torch::Tensor deviation = (data - mean).square().mean(0).sqrt();
  return at::where(deviation <= 1e-12 * mean.abs(), at::zeros_like(deviation), deviation);
}

Standardizer Standardizer::fit(const torch::Tensor& data) {
  const torch::Tensor deviation = spread(data);
  return {data.mean(0), at::where(deviation == 0, at::ones_like(deviation), deviation)};
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
