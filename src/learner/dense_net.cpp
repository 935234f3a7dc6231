// SPDX-License-Identifier: Apache-2.0
#include "block_forward.hpp"

#include <assay/data/random.hpp>
#include <assay/detail/dense_net.hpp>
#include <assay/detail/generator_scope.hpp>
#include <assay/error.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tanh_backward.h>
#include <ATen/ops/threshold_backward.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace assay::detail {

namespace {

std::string text_of(torch::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

torch::Tensor leaf(const torch::Tensor& values) { return values.detach().requires_grad_(); }

/// In floating point: the products of hostile numbers do not fit an integer.
void require_size(const DenseShape& shape) {
  double parameters = 0, in = static_cast<double>(shape.inputs);
  for (std::size_t i = 0; i <= shape.hidden.size(); ++i) {
    const auto out = static_cast<double>(i < shape.hidden.size() ? shape.hidden[i] : shape.outputs);
    parameters += (in + 1) * out;
    in = out;
  }
  parameters *= static_cast<double>(std::max<std::int64_t>(1, shape.members));
  if (parameters <= static_cast<double>(most_parameters)) return;
  std::ostringstream got;
  got << parameters;
  throw ConfigError({"assay.learner.size", "learner", "at most " + std::to_string(most_parameters) + " parameters",
                     got.str(), "choose fewer or narrower layers, or fewer members"});
}

}  // namespace

Activation activation_of(const std::string& name) {
  if (name == "silu") return Activation::silu;
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  if (name == "gelu") return Activation::gelu;
  throw ConfigError({"assay.config.value", "/activation", "silu, relu, gelu or tanh", "'" + name + "'", ""});
}

std::vector<std::vector<std::int64_t>> parameter_shapes(const DenseShape& shape) {
  std::vector<std::vector<std::int64_t>> shapes;
  std::int64_t in = shape.inputs;
  for (std::size_t i = 0; i <= shape.hidden.size(); ++i) {
    const std::int64_t out = i < shape.hidden.size() ? shape.hidden[i] : shape.outputs;
    if (shape.members > 0) {
      shapes.push_back({shape.members, in, out});
      shapes.push_back({shape.members, 1, out});
    } else {
      shapes.push_back({in, out});
      shapes.push_back({out});
    }
    in = out;
  }
  return shapes;
}

std::vector<torch::Tensor> views_of(const torch::Tensor& memory, const std::vector<std::vector<std::int64_t>>& shapes) {
  std::vector<torch::Tensor> views;
  std::int64_t first = 0;
  for (const std::vector<std::int64_t>& shape : shapes) {
    const std::int64_t count = c10::multiply_integers(shape);
    views.push_back(memory.narrow(0, first, count).view(shape));
    first += count;
  }
  return views;
}

torch::Tensor activate(Activation activation, const torch::Tensor& x) {
  switch (activation) {
    case Activation::silu: return at::silu(x);
    case Activation::relu: return at::relu(x);
    case Activation::gelu: return at::gelu(x);
    case Activation::tanh: break;
  }
  return at::tanh(x);
}

void activate_backward_(Activation activation, torch::Tensor& gradient, const torch::Tensor& before,
                        const torch::Tensor& after) {
  switch (activation) {
    case Activation::silu: at::silu_backward_out(gradient, gradient, before); return;
    case Activation::relu: at::threshold_backward_out(gradient, gradient, before, 0); return;
    case Activation::gelu: at::gelu_backward_out(gradient, gradient, before); return;
    case Activation::tanh: at::tanh_backward_out(gradient, gradient, after); return;
  }
}

DenseNet::DenseNet(const DenseNet& other)
    : activation_(other.activation_), shape_(other.shape_), device_(other.device_), dtype_(other.dtype_) {
  if (other.built()) bind(other.memory_.clone());
}

void DenseNet::bind(torch::Tensor memory) {
  memory_ = std::move(memory);
  weights_.clear();
  biases_.clear();
  const std::vector<torch::Tensor> views = views_of(memory_, parameter_shapes(shape_));
  for (std::size_t i = 0; i < views.size(); i += 2) {
    weights_.push_back(leaf(views[i]));
    biases_.push_back(leaf(views[i + 1]));
  }
  blocks_ = std::make_shared<BlockForward>();
}

void DenseNet::build(const DenseShape& shape) {
  if (built() && shape == shape_) return;
  require_size(shape);
  shape_ = shape;
  std::int64_t count = 0;
  for (const std::vector<std::int64_t>& parameter : parameter_shapes(shape)) count += c10::multiply_integers(parameter);
  bind(at::zeros({count}, torch::TensorOptions(dtype_).device(device_)));
}

void DenseNet::reset(std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  const std::int64_t members = std::max<std::int64_t>(1, shape_.members);
  for (std::int64_t member = 0; member < members; ++member) {
    at::Generator generator = make_generator(RandomKey(seed).with("member").with(member).bits());
    const auto draw = [&](const torch::Tensor& all, double bound) {
      const torch::Tensor target = shape_.members > 0 ? all.select(0, member) : all;
      target.copy_(at::empty(target.sizes(), torch::kFloat64).uniform_(-bound, bound, generator));
    };
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const double bound = 1 / std::sqrt(static_cast<double>(weights_[i].size(-2)));
      draw(weights_[i].detach(), bound);
      draw(biases_[i].detach(), bound);
    }
  }
}

torch::Tensor DenseNet::layer(std::size_t index, const torch::Tensor& x) const {
  if (shape_.members == 0) return at::addmm(biases_[index], x, weights_[index]);
  return at::baddbmm(biases_[index], x.dim() == 3 ? x : x.unsqueeze(0).expand({shape_.members, -1, -1}),
                     weights_[index]);
}

torch::Tensor DenseNet::before_last(const torch::Tensor& x) const {
  torch::Tensor hidden = x;
  for (std::size_t i = 0; i + 1 < weights_.size(); ++i) hidden = activate(activation_, layer(i, hidden));
  return shape_.members > 0 && hidden.dim() == 2 ? hidden.unsqueeze(0).expand({shape_.members, -1, -1}) : hidden;
}

torch::Tensor DenseNet::forward(const torch::Tensor& x) const {
  torch::Tensor hidden = x;
  for (std::size_t i = 0; i + 1 < weights_.size(); ++i) hidden = activate(activation_, layer(i, hidden));
  return layer(weights_.size() - 1, hidden);
}

torch::Tensor DenseNet::outputs(const torch::Tensor& x) const {
  const at::NoGradGuard no_grad;
  return blocks_->run(*this, x);
}

void DenseNet::rescale_inputs(const Standardizer& before, const Standardizer& now) {
  const at::NoGradGuard no_grad;
  const torch::Tensor weight = weights_.front().detach().to(torch::kCPU, torch::kFloat64);
  const torch::Tensor bias = biases_.front().detach().to(torch::kCPU, torch::kFloat64);
  const torch::Tensor shift = ((now.mean - before.mean) / before.scale).unsqueeze(0).matmul(weight);
  biases_.front().detach().copy_(bias + shift.reshape(bias.sizes()));
  weights_.front().detach().copy_(weight * (now.scale / before.scale).unsqueeze(1));
}

void DenseNet::rescale_outputs(const torch::Tensor& factor, const torch::Tensor& shift) {
  const at::NoGradGuard no_grad;
  for (const torch::Tensor& tensor : {weights_.back(), biases_.back()}) {
    tensor.detach().copy_(tensor.detach().to(torch::kCPU, torch::kFloat64) * factor);
  }
  biases_.back().detach().copy_(biases_.back().detach().to(torch::kCPU, torch::kFloat64) + shift);
}

void DenseNet::redraw_outputs(const torch::Tensor& columns, std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  const double bound = 1 / std::sqrt(static_cast<double>(weights_.back().size(-2)));
  at::Generator generator = make_generator(RandomKey(seed).with("outputs").bits());
  const torch::Tensor index = columns.to(device_);
  for (const torch::Tensor& tensor : {weights_.back(), biases_.back()}) {
    std::vector<std::int64_t> shape = tensor.sizes().vec();
    shape.back() = columns.size(0);
    const torch::Tensor drawn = at::empty(shape, torch::kFloat64).uniform_(-bound, bound, generator);
    tensor.detach().index_copy_(-1, index, drawn.to(device_, dtype_));
  }
}

std::vector<torch::Tensor> DenseNet::parameters() const {
  std::vector<torch::Tensor> parameters;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    parameters.push_back(weights_[i]);
    parameters.push_back(biases_[i]);
  }
  return parameters;
}

void DenseNet::to(torch::Device device, torch::Dtype dtype) {
  // "cuda" without an index means the current device; parameters that lie there already stay the same tensors.
  const bool moved = device.type() != device_.type() || (device.has_index() && device != device_);
  if (!moved && dtype == dtype_) return;
  device_ = device;
  dtype_ = dtype;
  if (!built()) return;
  bind(memory_.to(device, dtype));
  device_ = memory_.device();
}

void DenseNet::save(Values& tensors) const {
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const auto copy = [](const torch::Tensor& tensor) {
      return tensor.detach().to(torch::kCPU, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    };
    tensors.set("weight/" + std::to_string(i), copy(weights_[i]));
    tensors.set("bias/" + std::to_string(i), copy(biases_[i]));
  }
}

void DenseNet::load(const Values& tensors, const DenseShape& shape) {
  // All is checked before anything is built: what is built is no larger than what the file holds.
  const torch::Dtype dtype = tensors.at("weight/0").scalar_type();
  const auto check = [&](const std::string& name, torch::IntArrayRef expected) {
    const torch::Tensor& saved = tensors.at(name);
    if (saved.sizes() != expected || saved.scalar_type() != dtype || !saved.is_floating_point()) {
      throw CheckpointError({"assay.checkpoint.learner", "learner state '" + name + "'",
                             "floating-point numbers of one type, " + text_of(expected),
                             c10::toString(saved.scalar_type()) + (" " + text_of(saved.sizes())),
                             "load the state into a learner with the same layers"});
    }
  };
  const auto shapes = parameter_shapes(shape);
  for (std::size_t i = 0; i < shapes.size(); i += 2) {
    check("weight/" + std::to_string(i / 2), shapes[i]);
    check("bias/" + std::to_string(i / 2), shapes[i + 1]);
  }
  build(shape);
  const at::NoGradGuard no_grad;
  to(device_, dtype);
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    weights_[i].detach().copy_(tensors.at("weight/" + std::to_string(i)));
    biases_[i].detach().copy_(tensors.at("bias/" + std::to_string(i)));
  }
}

}  // namespace assay::detail
