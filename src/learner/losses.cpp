// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/learner/losses.hpp>

#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/huber_loss.h>
#include <ATen/ops/mse_loss.h>

namespace assay {

namespace {

[[noreturn]] void throw_mismatch(const char* loss, const torch::Tensor& expected_as, const torch::Tensor& target) {
  std::ostringstream expected, got;
  expected << "a target of shape " << expected_as.sizes() << ", as the output";
  got << target.sizes();
  throw ShapeError({"assay.learner.loss", loss, expected.str(), got.str(),
                    "reshape the module's output; targets are flattened to [n, components]"});
}

void require_same_shape(const char* loss, const torch::Tensor& output, const torch::Tensor& target) {
  if (output.sizes() != target.sizes()) throw_mismatch(loss, output, target);
}

/// Mean over the batch of wᵢ times the mean of row i.
torch::Tensor weighted_mean(const torch::Tensor& elements, const torch::Tensor& weights) {
  const torch::Tensor rows = elements.dim() > 1 ? elements.flatten(1).mean(1) : elements;
  return rows.dot(weights) / static_cast<double>(rows.size(0));
}

}  // namespace

torch::Tensor mse_loss(const torch::Tensor& output, const torch::Tensor& target, const torch::Tensor& weights) {
  require_same_shape("mse_loss", output, target);
  if (!weights.defined()) return at::mse_loss(output, target);
  return weighted_mean(at::mse_loss(output, target, at::Reduction::None), weights);
}

torch::Tensor huber_loss(const torch::Tensor& output, const torch::Tensor& target, const torch::Tensor& weights) {
  require_same_shape("huber_loss", output, target);
  if (!weights.defined()) return at::huber_loss(output, target);
  return weighted_mean(at::huber_loss(output, target, at::Reduction::None), weights);
}

torch::Tensor cross_entropy_loss(const torch::Tensor& output, const torch::Tensor& target,
                                 const torch::Tensor& weights) {
  const torch::Tensor ids = target.dim() == 2 && target.size(1) == 1 ? target.squeeze(1) : target;
  if (ids.dim() != 1 || output.dim() > 2 || ids.size(0) != output.size(0)) {
    throw_mismatch("cross_entropy_loss", output.dim() > 1 ? output.select(1, 0) : output, target);
  }
  const bool one_logit = output.dim() == 1 || output.size(1) == 1;
  const auto reduction = weights.defined() ? at::Reduction::None : at::Reduction::Mean;
  const torch::Tensor losses = one_logit ? at::binary_cross_entropy_with_logits(
                                               output.dim() == 2 ? output.squeeze(1) : output,
                                               ids.to(output.scalar_type()), {}, {}, reduction)
                                         : at::cross_entropy_loss(output, ids, {}, reduction);
  return weights.defined() ? weighted_mean(losses, weights) : losses;
}

}  // namespace assay
