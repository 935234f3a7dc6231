// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/moments.hpp>
#include <assay/error.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

namespace assay::detail {

namespace {

/// Whether `next` begins where `tensor` ends.
bool follows(const torch::Tensor& tensor, const torch::Tensor& next) {
  return next.is_alias_of(tensor) && next.storage_offset() == tensor.storage_offset() + tensor.numel();
}

/// Elements of one storage, `count` of them from `first` on.
torch::Tensor memory_from(const torch::Tensor& first, std::int64_t count) {
  return at::empty({0}, first.options().requires_grad(false))
      .set_(first.storage(), first.storage_offset(), {count}, {1});
}

/// The memory of tensors that lie one behind the other; undefined if they do not.
torch::Tensor one_memory(const std::vector<torch::Tensor>& tensors) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].is_contiguous() || tensors[i].scalar_type() != tensors[0].scalar_type()) return {};
    if (i > 0 && !follows(tensors[i - 1], tensors[i])) return {};
    count += tensors[i].numel();
  }
  return tensors.size() < 2 ? torch::Tensor() : memory_from(tensors.front(), count);
}

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

bool same_tensors(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const torch::Tensor& x, const torch::Tensor& y) { return x.is_same(y); });
}

Moments::Moments(const Moments& other) : kinds_(other.kinds_) {
  if (!other.steps_.defined()) return;
  init(other.all_.parameters);
  steps_.copy_(other.steps_);
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    for (std::size_t i = 0; i < all_.parameters.size(); ++i) {
      all_.moments[kind][i].copy_(other.all_.moments[kind][i]);
    }
  }
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
  if (lies_at(parameters)) return forget();
  all_ = {};
  whole_ = {};
  some_ = {};
  rate_ = torch::Tensor();
  all_.parameters = std::move(parameters);
  const auto count = static_cast<std::int64_t>(all_.parameters.size());
  const torch::Device device = on_cpu() ? torch::Device(torch::kCPU) : all_.parameters.front().device();
  steps_ = at::zeros({count}, torch::TensorOptions(torch::kFloat32).device(device));
  for (std::int64_t i = 0; i < count; ++i) all_.steps.push_back(steps_.select(0, i));

  const torch::Tensor memory = one_memory(all_.parameters);
  if (memory.defined()) {
    whole_.parameters = pieces_of(memory);
    whole_.steps.assign(whole_.parameters.size(), all_.steps.front());
  }
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    std::vector<torch::Tensor> zeros;
    if (memory.defined()) {
      const torch::Tensor moment = at::zeros_like(memory);
      std::int64_t first = 0;
      for (const torch::Tensor& parameter : all_.parameters) {
        zeros.push_back(moment.narrow(0, first, parameter.numel()).view(parameter.sizes()));
        first += parameter.numel();
      }
      whole_.moments.push_back(pieces_of(moment));
    } else {
      for (const torch::Tensor& parameter : all_.parameters) zeros.push_back(at::zeros_like(parameter.detach()));
    }
    all_.moments.push_back(std::move(zeros));
  }
}

bool Moments::lies_at(const std::vector<torch::Tensor>& parameters) const {
  if (!steps_.defined() || parameters.empty() || !same_tensors(parameters, all_.parameters)) return false;
  // A module moves its parameters by giving them other memory.
  if (!whole_.parameters.empty() && whole_.parameters.front().data_ptr() != parameters.front().data_ptr()) return false;
  for (const std::vector<torch::Tensor>& kind : all_.moments) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (kind[i].device() != parameters[i].device() || kind[i].dtype() != parameters[i].dtype()) return false;
    }
  }
  return true;
}

void Moments::forget() {
  steps_.zero_();
  for (const std::vector<torch::Tensor>& kind : all_.moments) {
    for (const torch::Tensor& moment : kind) moment.zero_();
  }
}

void Moments::count_step() {
  if (!on_cpu()) {
    steps_.add_(1);
    return;
  }
  auto* steps = steps_.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < steps_.numel(); ++i) steps[i] += 1;
}

std::vector<torch::Tensor> Moments::pieces_of(const torch::Tensor& memory) const {
  constexpr std::int64_t most = 36;      // tensors of one launch, for the operator with the most lists
  constexpr std::int64_t block = 65536;  // numbers of a block of threads
  constexpr std::int64_t worth_a_block = 1024, step = 512;
  const std::int64_t count = memory.numel();
  if (on_cpu() || count > most * block) return {memory};
  const std::int64_t smallest = std::max(worth_a_block, (count + most - 1) / most);
  return memory.split((smallest + step - 1) / step * step);
}

bool Moments::find_whole_gradient() {
  const torch::Tensor* before = nullptr;
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : all_.parameters) {
    const torch::Tensor& gradient = parameter.grad();
    if (!gradient.defined() || !gradient.is_contiguous() || (before && !follows(*before, gradient))) return false;
    before = &gradient;
    count += gradient.numel();
  }
  const torch::Tensor& first = all_.parameters.front().grad();
  if (!whole_.gradients.empty()) {  // mostly those of the step before, filled anew
    const torch::Tensor& known = whole_.gradients.front();
    if (first.is_alias_of(known) && first.storage_offset() == known.storage_offset()) return true;
  }
  whole_.gradients = pieces_of(memory_from(first, count));
  return true;
}

Moments::Lists& Moments::next_step() {
  if (!whole_.parameters.empty()) {
    if (find_whole_gradient()) {
      count_step();
      return whole_;
    }
  }
  all_.gradients.clear();
  for (const torch::Tensor& parameter : all_.parameters) {
    if (const torch::Tensor& gradient = parameter.grad(); gradient.defined()) all_.gradients.push_back(gradient);
  }
  if (all_.gradients.size() == all_.parameters.size()) {
    if (!all_.parameters.empty()) count_step();
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

void Moments::release_gradients() {
  all_.gradients.clear();
  some_.gradients.clear();
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
