// SPDX-License-Identifier: Apache-2.0
#include "dense_losses.hpp"

#include <ATen/Dispatch.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/huber_loss.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <cmath>

namespace assay::detail {

namespace {

/// One sample of one member: k components (or classes). Gives the sample's loss and writes its derivative, times
/// `scale`, by the outputs. \param components weights of a regression's components; nullptr for ones.
template <class T>
double sample(DenseLoss loss, const T* out, const T* target, std::int64_t id, std::int64_t k, T scale, T* derivative,
              const T* components) {
  const T all = scale / static_cast<T>(k);
  const auto share = [&](std::int64_t j) { return components ? components[j] : T(1); };
  double sum = 0;
  switch (loss) {
    case DenseLoss::mse:
      for (std::int64_t j = 0; j < k; ++j) {
        const T error = out[j] - target[j], each = all * share(j);
        sum += static_cast<double>(error) * static_cast<double>(error) * static_cast<double>(share(j));
        derivative[j] = 2 * error * each;
      }
      return sum / static_cast<double>(k);
    case DenseLoss::huber:
      for (std::int64_t j = 0; j < k; ++j) {
        const T error = out[j] - target[j], size = std::abs(error), each = all * share(j);
        sum += (size < 1 ? size * size / 2 : size - T(0.5)) * share(j);
        derivative[j] = std::clamp<T>(error, -1, 1) * each;
      }
      return sum / static_cast<double>(k);
    case DenseLoss::gaussian:
      for (std::int64_t j = 0; j < k; ++j) {
        const T error = out[j] - target[j], log_variance = out[k + j], precision = std::exp(-log_variance);
        const T each = all * share(j);
        sum += (log_variance + error * error * precision) / 2 * share(j);
        derivative[j] = error * precision * each;
        derivative[k + j] = (1 - error * error * precision) / 2 * each;
      }
      return sum / static_cast<double>(k);
    case DenseLoss::two_classes: {
      const T logit = out[0], small = std::exp(-std::abs(logit));
      derivative[0] = ((logit >= 0 ? 1 : small) / (1 + small) - target[0]) * scale;
      return std::max<T>(logit, 0) - logit * target[0] + std::log1p(small);
    }
    case DenseLoss::classes: break;
  }
  const T largest = *std::max_element(out, out + k);
  for (std::int64_t j = 0; j < k; ++j) {
    derivative[j] = std::exp(out[j] - largest);
    sum += derivative[j];
  }
  for (std::int64_t j = 0; j < k; ++j) derivative[j] *= static_cast<T>(scale / sum);
  derivative[id] -= scale;
  return std::log(sum) + static_cast<double>(largest - out[id]);
}

template <class T>
torch::Tensor on_cpu(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target,
                     const torch::Tensor& weights, torch::Tensor& derivative, const torch::Tensor& components) {
  const std::int64_t outputs = out.size(-1), n = out.size(-2), members = out.dim() == 3 ? out.size(0) : 1;
  const std::int64_t k = loss == DenseLoss::gaussian ? outputs / 2 : outputs;
  const bool has_ids = loss == DenseLoss::classes;
  const torch::Tensor packed = target.contiguous(), packed_weights = weights.defined() ? weights.contiguous() : weights;
  const T* y = has_ids ? nullptr : packed.const_data_ptr<T>();
  const std::int64_t* ids = has_ids ? packed.const_data_ptr<std::int64_t>() : nullptr;
  const T* weight = weights.defined() ? packed_weights.const_data_ptr<T>() : nullptr;
  const T* shares = components.defined() ? components.const_data_ptr<T>() : nullptr;
  const T* o = out.const_data_ptr<T>();
  T* d = derivative.mutable_data_ptr<T>();
  double sum = 0;
  for (std::int64_t member = 0; member < members; ++member) {
    for (std::int64_t i = 0; i < n; ++i, o += outputs, d += outputs) {
      const T w = weight ? weight[i * members + member] : 1;
      sum += static_cast<double>(w) * sample<T>(loss, o, has_ids ? nullptr : y + i * k, has_ids ? ids[i] : 0, k,
                                                w / static_cast<T>(n), d, shares);
    }
  }
  torch::Tensor mean = at::empty({}, out.options());
  *mean.mutable_data_ptr<T>() = static_cast<T>(sum / static_cast<double>(n));
  return mean;
}

torch::Tensor derivative_of(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target) {
  const auto k = static_cast<double>(loss == DenseLoss::gaussian ? out.size(-1) / 2 : out.size(-1));
  switch (loss) {
    case DenseLoss::mse: break;  // has a way of its own
    case DenseLoss::huber: return (out - target).clamp_(-1, 1).div_(k);
    case DenseLoss::gaussian: {
      const std::vector<torch::Tensor> parts = out.chunk(2, -1);
      const torch::Tensor error = parts[0] - target, precision = (-parts[1]).exp_();
      return at::cat({error * precision, (1 - error.square() * precision) / 2}, -1).div_(k);
    }
    case DenseLoss::two_classes: return at::sigmoid(out) - target;
    case DenseLoss::classes: break;
  }
  const torch::Tensor ids = target.view({1, -1, 1}).expand({out.size(0), -1, 1});
  return at::softmax(out, -1).scatter_add_(-1, ids, at::full_like(out.narrow(-1, 0, 1), -1));
}

}  // namespace

torch::Tensor sample_losses(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target,
                            const torch::Tensor& components) {
  const auto mean = [&](const torch::Tensor& each) {
    return (components.defined() ? each * components : each).mean(-1);
  };
  switch (loss) {
    case DenseLoss::mse: return mean((out - target).square());
    case DenseLoss::huber: return mean(at::huber_loss(out, target.unsqueeze(0).expand_as(out), at::Reduction::None));
    case DenseLoss::gaussian: {
      const std::vector<torch::Tensor> parts = out.chunk(2, -1);
      return mean((parts[1] + (parts[0] - target).square() * (-parts[1]).exp()) / 2);
    }
    case DenseLoss::two_classes:
      return at::binary_cross_entropy_with_logits(out, target.unsqueeze(0).expand_as(out), {}, {}, at::Reduction::None)
          .squeeze(-1);
    case DenseLoss::classes: break;
  }
  return at::cross_entropy_loss(out.permute({0, 2, 1}), target.unsqueeze(0).expand({out.size(0), -1}), {},
                                at::Reduction::None);
}

torch::Tensor loss_with_derivative(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target,
                                   const torch::Tensor& weights, torch::Tensor& derivative,
                                   const torch::Tensor& components) {
  if (out.is_cpu()) {
    return out.scalar_type() == torch::kFloat32 ? on_cpu<float>(loss, out, target, weights, derivative, components)
                                                : on_cpu<double>(loss, out, target, weights, derivative, components);
  }
  return loss_by_operators(loss, out, target, weights, derivative, components);
}

torch::Tensor loss_by_operators(DenseLoss loss, const torch::Tensor& out, const torch::Tensor& target,
                                const torch::Tensor& weights, torch::Tensor& derivative,
                                const torch::Tensor& components) {
  const torch::Tensor stacked = out.dim() == 3 ? out : out.unsqueeze(0);
  const torch::Tensor weight = weights.defined() ? weights.t().unsqueeze(-1) : torch::Tensor();
  const auto n = static_cast<double>(out.size(-2));
  if (loss == DenseLoss::mse) {  // most trainings' loss: in half the kernels
    const torch::Tensor error = stacked - target;
    torch::Tensor weighted = weights.defined() ? error * weight : error;
    if (components.defined()) weighted = weighted * components;
    const double scale = 1 / (n * static_cast<double>(out.size(-1)));
    torch::Tensor into = derivative.view(stacked.sizes());
    at::mul_out(into, weighted, 2 * scale);
    return (weighted * error).sum() * scale;
  }
  torch::Tensor losses = sample_losses(loss, stacked, target, components), slope = derivative_of(loss, stacked, target);
  if (components.defined()) slope.mul_(loss == DenseLoss::gaussian ? at::cat({components, components}) : components);
  if (weights.defined()) {
    losses = losses * weight.squeeze(-1);
    slope.mul_(weight);
  }
  torch::Tensor into = derivative.view(slope.sizes());
  at::div_out(into, slope, n);
  return losses.sum() / n;
}

}  // namespace assay::detail
