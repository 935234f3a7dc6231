// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/moments.hpp>
#include <assay/error.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace assay::detail {

namespace {

std::vector<torch::Tensor> clones(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> copies;
  copies.reserve(tensors.size());
  for (const torch::Tensor& tensor : tensors) copies.push_back(tensor.clone());
  return copies;
}

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

Moments::Moments(const Moments& other) : kinds_(other.kinds_) {
  all_.parameters = other.all_.parameters;
  for (const auto& kind : other.all_.moments) all_.moments.push_back(clones(kind));
  if (other.steps_.defined()) {
    steps_ = other.steps_.clone();
    bind_steps();
  }
}

void Moments::bind_steps() {
  all_.steps.clear();
  for (std::int64_t i = 0; i < steps_.numel(); ++i) all_.steps.push_back(steps_.select(0, i));
}

void Moments::init(std::vector<torch::Tensor> parameters) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].is_floating_point() || !parameters[i].is_non_overlapping_and_dense()) {
      throw TrainingError({"assay.training.parameters", "parameter " + std::to_string(i),
                           "a floating-point tensor with memory of its own",
                           std::string(parameters[i].dtype().name()) + " " + shape_text(parameters[i]),
                           "use an adaptor around a torch::optim optimizer for it"});
    }
  }
  all_ = {};
  rate_ = torch::Tensor();
  all_.parameters = std::move(parameters);
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    std::vector<torch::Tensor> zeros;
    for (const torch::Tensor& parameter : all_.parameters) zeros.push_back(at::zeros_like(parameter.detach()));
    all_.moments.push_back(std::move(zeros));
  }
  const auto count = static_cast<std::int64_t>(all_.parameters.size());
  const torch::Device device = on_cpu() ? torch::Device(torch::kCPU) : all_.parameters.front().device();
  steps_ = at::zeros({count}, torch::TensorOptions(torch::kFloat32).device(device));
  bind_steps();
}

Moments::Lists& Moments::next_step() {
  all_.gradients.clear();
  for (const torch::Tensor& parameter : all_.parameters) {
    if (const torch::Tensor& gradient = parameter.grad(); gradient.defined()) all_.gradients.push_back(gradient);
  }
  if (all_.gradients.size() == all_.parameters.size()) {
    if (!all_.parameters.empty()) steps_.add_(1);
    return all_;
  }
  some_ = {};
  some_.moments.resize(kinds_.size());
  some_.gradients = std::move(all_.gradients);
  for (std::size_t i = 0; i < all_.parameters.size(); ++i) {
    if (!all_.parameters[i].grad().defined()) continue;
    some_.parameters.push_back(all_.parameters[i]);
    for (std::size_t kind = 0; kind < kinds_.size(); ++kind) some_.moments[kind].push_back(all_.moments[kind][i]);
    some_.steps.push_back(all_.steps[i].add_(1));
  }
  return some_;
}

const torch::Tensor& Moments::rate_on_device(double rate) {
  if (!rate_.defined()) {
    rate_ = at::full({}, rate, steps_.options());
  } else if (rate != rate_value_) {
    rate_.fill_(rate);
  }
  rate_value_ = rate;
  return rate_;
}

State Moments::save() const {
  State state;
  if (!steps_.defined()) return state;
  state.tensors.set("steps", steps_.to(torch::kCPU, torch::kFloat32, /*non_blocking=*/false, /*copy=*/true));
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    for (std::size_t i = 0; i < all_.moments[kind].size(); ++i) {
      const torch::Tensor& moment = all_.moments[kind][i];
      state.tensors.set(kinds_[kind] + "/" + std::to_string(i),
                        moment.to(torch::kCPU, moment.scalar_type(), /*non_blocking=*/false, /*copy=*/true));
    }
  }
  return state;
}

void Moments::load(const State& state) {
  if (state.tensors.empty()) return;
  const auto restore = [&](const torch::Tensor& target, const std::string& name) {
    const torch::Tensor& saved = state.tensors.at(name);
    if (saved.sizes() != target.sizes()) {
      throw CheckpointError({"assay.checkpoint.optimizer", "optimizer state '" + name + "'", shape_text(target),
                             shape_text(saved), "resume with the learner that was being trained"});
    }
    target.copy_(saved);
  };
  if (!steps_.defined()) {
    throw TrainingError({"assay.training.optimizer", "load", "an optimizer that was given parameters by init",
                         "one without parameters", ""});
  }
  restore(steps_, "steps");
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    for (std::size_t i = 0; i < all_.moments[kind].size(); ++i) {
      restore(all_.moments[kind][i], kinds_[kind] + "/" + std::to_string(i));
    }
  }
}

}  // namespace assay::detail
