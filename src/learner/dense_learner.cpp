// SPDX-License-Identifier: Apache-2.0
#include "class_ids.hpp"
#include "placement.hpp"

#include <assay/data/random.hpp>
#include <assay/detail/dense_learner.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/learner/losses.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>

#include <charconv>
#include <cmath>

namespace assay::detail {

namespace {

torch::Tensor cpu64(const torch::Tensor& tensor) { return tensor.to(torch::kCPU, torch::kFloat64); }

constexpr std::size_t most_layers = 1000;

std::uint64_t seed_from(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error == std::errc() && end == text.data() + text.size()) return seed;
  throw CheckpointError({"assay.checkpoint.learner", "learner state, seed", "digits of a 64-bit number",
                         "'" + text.substr(0, 100) + "'", ""});
}

}  // namespace

DenseLearner::DenseLearner(DenseLearnerOptions options)
    : options_(std::move(options)),
      inputs_("inputs", options_.inputs),
      targets_("targets", options_.targets),
      net_(activation_of(options_.activation)) {
  if (options_.hidden.size() > most_layers) {
    throw ConfigError({"assay.config.range", "/hidden", "at most " + std::to_string(most_layers) + " hidden layers",
                       std::to_string(options_.hidden.size()), ""});
  }
  if (classifies()) require_classifiable(options_.classes, options_.targets);
}

DenseShape DenseLearner::shape(const Fields& inputs, const Fields& targets) const {
  const std::int64_t outputs = !classifies() ? targets.width() : options_.classes == 2 ? 1 : options_.classes;
  return {.inputs = inputs.width(), .hidden = options_.hidden, .outputs = outputs, .members = options_.members};
}

torch::Tensor DenseLearner::standardised_inputs(const Values& batch) const {
  return x_.apply(inputs_.flatten(batch)).to(net_.device(), net_.dtype());
}

torch::Tensor DenseLearner::class_ids(const Values& samples) const {
  return detail::class_ids(targets_.flatten(samples), options_.classes, targets().front());
}

Batch DenseLearner::pack(const Values& samples, std::span<const SampleId> ids) const {
  Batch batch;
  batch.inputs.push_back(standardised_inputs(samples));
  if (!classifies()) {
    batch.targets.push_back(y_.apply(targets_.flatten(samples)).to(net_.device(), net_.dtype()));
  } else if (options_.classes == 2) {
    batch.targets.push_back(class_ids(samples).unsqueeze(1).to(net_.device(), net_.dtype()));
  } else {
    batch.targets.push_back(class_ids(samples).to(net_.device(), torch::kInt64));
  }
  if (options_.bootstrap) batch.weights = bootstrap_weights(ids).to(net_.device(), net_.dtype());
  return batch;
}

torch::Tensor DenseLearner::bootstrap_weights(std::span<const SampleId> ids) const {
  // Poisson(1) by inversion of its distribution function.
  const auto n = static_cast<std::int64_t>(ids.size());
  torch::Tensor weights = at::empty({n, options_.members}, torch::kFloat64);
  auto* out = weights.mutable_data_ptr<double>();
  for (std::int64_t member = 0; member < options_.members; ++member) {
    const RandomKey key = RandomKey(seed_).with("bootstrap").with(member);
    for (std::int64_t i = 0; i < n; ++i) {
      const double u = key.with(ids[static_cast<std::size_t>(i)]).uniform();
      double probability = std::exp(-1.0), sum = probability;
      int count = 0;
      while (u >= sum && count < 20) {
        probability /= ++count;
        sum += probability;
      }
      out[i * options_.members + member] = count;
    }
  }
  return weights;
}

torch::Tensor DenseLearner::losses(const Batch& batch) const {
  // One loss a member: [members].
  const torch::Tensor out = net_.forward(batch.inputs.front());
  const torch::Tensor& target = batch.targets.front();
  torch::Tensor each;  // [members, n]
  if (!classifies()) {
    each = (out - target).square().mean(-1);
  } else if (options_.classes == 2) {
    each = at::binary_cross_entropy_with_logits(out, target.unsqueeze(0).expand_as(out), {}, {}, at::Reduction::None)
               .squeeze(-1);
  } else {
    each = at::cross_entropy_loss(out.permute({0, 2, 1}), target.unsqueeze(0).expand({out.size(0), -1}), {},
                                  at::Reduction::None);
  }
  return (batch.weights.defined() ? each * batch.weights.t() : each).mean(1);
}

torch::Tensor DenseLearner::training_step(const Batch& batch) {
  if (options_.members > 0) return losses(batch).sum();
  const torch::Tensor out = net_.forward(batch.inputs.front());
  const torch::Tensor& target = batch.targets.front();
  if (!classifies()) return at::mse_loss(out, target);
  return options_.classes == 2 ? at::binary_cross_entropy_with_logits(out, target)
                               : at::cross_entropy_loss(out, target);
}

torch::Tensor DenseLearner::validation_step(const Batch& batch) {
  if (options_.members == 0) return training_step(batch);
  Batch unweighted = batch;
  unweighted.weights = torch::Tensor();
  return losses(unweighted).mean();
}

torch::Tensor DenseLearner::outputs(const Values& inputs) const {
  const at::NoGradGuard no_grad;
  const torch::Tensor out = cpu64(net_.forward(standardised_inputs(inputs)));
  return options_.members > 0 ? out : out.unsqueeze(0);
}

torch::Tensor DenseLearner::member_probabilities(const Values& inputs) const {
  if (!classifies()) {
    throw ConfigError({"assay.learner.capability", "learner", "a classification ('classes' >= 2)", "a regression", ""});
  }
  const torch::Tensor logits = outputs(inputs);
  if (options_.classes > 2) return at::softmax(logits, -1);
  const torch::Tensor one = at::sigmoid(logits.squeeze(-1));
  return at::stack({1 - one, one}, -1);
}

Values DenseLearner::predict(const Values& inputs) const {
  if (!classifies()) return targets_.unflatten(y_.invert(outputs(inputs).mean(0)));
  const torch::Tensor ids = class_probabilities(inputs).argmax(-1);
  Values predicted = targets_.unflatten(ids.unsqueeze(1));
  return predicted;
}

Values DenseLearner::variance(const Values& inputs) const {
  return in_squared_units(outputs(inputs).var(0, /*unbiased=*/true));
}

torch::Tensor DenseLearner::embeddings(const Values& inputs) const {
  const at::NoGradGuard no_grad;
  const torch::Tensor hidden = cpu64(net_.before_last(standardised_inputs(inputs)));
  return options_.members > 0 ? hidden.permute({1, 0, 2}).flatten(1) : hidden;
}

void DenseLearner::reset(std::uint64_t seed) {
  seed_ = seed;
  net_.build(shape(inputs_, targets_));
  net_.reset(seed);
}

void DenseLearner::fit_scaling(const Values& samples, bool keep_function) {
  inputs_.learn(samples);
  targets_.learn(samples);
  const Standardizer x = Standardizer::fit(inputs_.flatten(samples));
  const Standardizer y = classifies() ? Standardizer::identity(1) : Standardizer::fit(targets_.flatten(samples));
  if (keep_function && net_.built()) {
    net_.rescale_inputs(x_, x);
    if (!classifies()) net_.rescale_outputs(y_, y);
  }
  x_ = x;
  y_ = y;
  net_.build(shape(inputs_, targets_));
}

State DenseLearner::save() const {
  State state;
  state.json = {{"inputs", inputs_.to_json()}, {"targets", targets_.to_json()}, {"seed", std::to_string(seed_)}};
  state.json["device"] = net_.device().str();
  if (!net_.built()) return state;
  x_.save(state.tensors, "inputs");
  y_.save(state.tensors, "targets");
  net_.save(state.tensors);
  return state;
}

void DenseLearner::load(const State& state) {
  restoring("learner", [&] {
    Fields inputs = inputs_, targets = targets_;
    inputs.load(state.json.at("inputs"));
    targets.load(state.json.at("targets"));
    const std::uint64_t seed = seed_from(state.json.at("seed").get<std::string>());
    if (inputs.known() || !state.tensors.empty()) {
      const Standardizer x = Standardizer::load(state.tensors, "inputs", inputs.width());
      const Standardizer y = Standardizer::load(state.tensors, "targets", classifies() ? 1 : targets.width());
      const torch::Device device = saved_device(state);
      net_.load(state.tensors, shape(inputs, targets));
      net_.to(device, net_.dtype());
      x_ = x;
      y_ = y;
    }
    inputs_ = std::move(inputs);
    targets_ = std::move(targets);
    seed_ = seed;
  });
}

}  // namespace assay::detail
