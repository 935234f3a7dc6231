// SPDX-License-Identifier: Apache-2.0
#include "class_ids.hpp"
#include "dense_gradients.hpp"
#include "dense_losses.hpp"
#include "placement.hpp"
#include "target_columns.hpp"

#include <assay/data/random.hpp>
#include <assay/detail/dense_learner.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <charconv>
#include <cmath>

namespace assay::detail {

namespace {

torch::Tensor cpu64(const torch::Tensor& tensor) { return tensor.to(torch::kCPU, torch::kFloat64); }

constexpr std::size_t most_layers = 1000;

DenseLoss loss_of(const DenseLearnerOptions& options) {
  if (options.classes > 0) return options.classes == 2 ? DenseLoss::two_classes : DenseLoss::classes;
  switch (options.loss) {
    case RegressionLoss::mse: return DenseLoss::mse;
    case RegressionLoss::huber: return DenseLoss::huber;
    case RegressionLoss::gaussian: break;
  }
  return DenseLoss::gaussian;
}

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
      inputs_(options_.inputs),
      targets_("targets", options_.targets.names()),
      net_(activation_of(options_.activation)) {
  if (options_.hidden.size() > most_layers) {
    throw ConfigError({"assay.config.range", "/hidden", "at most " + std::to_string(most_layers) + " hidden layers",
                       std::to_string(options_.hidden.size()), ""});
  }
  if (!classifies()) return;
  require_classifiable(options_.classes, targets());
  if (options_.loss != RegressionLoss::mse) {
    throw ConfigError({"assay.config.value", "/loss", "a regression (classes = 0), or no loss",
                       "a classification with a loss of regressions", "classes are learnt with cross-entropy"});
  }
}

std::vector<TargetRule> DenseLearner::target_rules() const {
  return detail::target_rules(options_.targets, options_.classes, counts_components_);
}

void DenseLearner::count_components() {
  counts_components_ = true;
  place_weights();
}

torch::Tensor DenseLearner::column_weights() const {
  return classifies() || !y_.scale.defined() ? torch::Tensor() : detail::column_weights(target_rules(), targets_, y_);
}

void DenseLearner::place_weights() {
  placed_weights_ = column_weights();
  if (placed_weights_.defined()) placed_weights_ = placed_weights_.to(net_.device(), net_.dtype());
}

void DenseLearner::to(torch::Device device, torch::Dtype dtype) {
  net_.to(device, dtype);
  place_weights();
}

DenseShape DenseLearner::shape(const InputColumns& inputs, const Fields& targets) const {
  std::int64_t outputs = options_.classes == 2 ? 1 : options_.classes;
  if (!classifies()) outputs = (predicts_variance() ? 2 : 1) * targets.width();
  return {.inputs = inputs.width(), .hidden = options_.hidden, .outputs = outputs, .members = options_.members};
}

torch::Tensor DenseLearner::standardised_inputs(const Values& batch) const {
  return x_.apply(inputs_.of(batch)).to(net_.device(), net_.dtype());
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

torch::Tensor DenseLearner::losses(const torch::Tensor& outputs, const Batch& batch) const {
  const torch::Tensor each = sample_losses(loss_of(options_), options_.members > 0 ? outputs : outputs.unsqueeze(0),
                                           batch.targets.front(), placed_weights_);
  return (batch.weights.defined() ? each * batch.weights.t() : each).mean(1);
}

torch::Tensor DenseLearner::training_step(const Batch& batch) {
  return losses(net_.forward(batch.inputs.front()), batch).sum();
}

torch::Tensor DenseLearner::validation_step(const Batch& batch) {
  Batch unweighted = batch;
  unweighted.weights = torch::Tensor();
  return losses(net_.forward(batch.inputs.front()), unweighted).mean();
}

torch::Tensor DenseLearner::out_of_bag_step(const Batch& batch) {
  const torch::Tensor each = sample_losses(loss_of(options_), net_.forward(batch.inputs.front()), batch.targets.front(),
                                           placed_weights_);
  const torch::Tensor left_out = (batch.weights.t() == 0).to(each.scalar_type());
  return ((each * left_out).sum(0) / left_out.sum(0)).mean();
}

torch::Tensor DenseLearner::loss_and_gradients(const Batch& batch) {
  std::shared_ptr<DenseGradients>& gradients = gradients_.held;
  if (!gradients || !gradients->belongs_to(net_)) gradients = std::make_shared<DenseGradients>(net_);
  const at::NoGradGuard no_grad;
  const torch::Tensor& out = gradients->forward(batch.inputs.front());
  torch::Tensor loss = loss_with_derivative(loss_of(options_), out, batch.targets.front(), batch.weights,
                                            gradients->output_gradient(), placed_weights_);
  gradients->backward();
  return loss;
}

torch::Tensor DenseLearner::raw_outputs(const Values& inputs) const {
  const torch::Tensor out = net_.outputs(standardised_inputs(inputs));
  return options_.members > 0 ? out : out.unsqueeze(0);
}

torch::Tensor DenseLearner::outputs(const Values& inputs) const {
  const torch::Tensor out = raw_outputs(inputs);
  return predicts_variance() ? out.narrow(-1, 0, targets_.width()) : out;
}

torch::Tensor DenseLearner::weighted(const torch::Tensor& outputs) const {
  const torch::Tensor weights = column_weights();
  return weights.defined() ? outputs * weights.sqrt() : outputs;
}

torch::Tensor DenseLearner::member_probabilities(const Values& inputs) const {
  if (!classifies()) {
    throw ConfigError({"assay.learner.capability", "learner", "a classification ('classes' >= 2)", "a regression", ""});
  }
  return probabilities(outputs(inputs));
}

torch::Tensor DenseLearner::probabilities(const torch::Tensor& logits) const {
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
  if (classifies() || (options_.members == 0 && !predicts_variance())) {
    throw ConfigError({"assay.learner.capability", "learner", "an ensemble, or a network with loss \"gaussian\"",
                       classifies() ? "a classification" : "a network that predicts means alone", ""});
  }
  const torch::Tensor out = raw_outputs(inputs);
  if (!predicts_variance()) return in_squared_units(out.var(0, /*unbiased=*/true));
  const std::vector<torch::Tensor> parts = out.chunk(2, -1);
  torch::Tensor variance = parts[1].exp().mean(0);
  if (options_.members > 0) variance += parts[0].var(0, /*unbiased=*/true);
  return in_squared_units(variance);
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

void DenseLearner::rescale_outputs(const Standardizer& now) {
  const torch::Tensor scale = now.divisor(), began = (y_.scale == 0).logical_and(now.scale > 0);
  torch::Tensor factor = y_.divisor() / scale, shift = (y_.mean - now.mean) / scale;
  // What a column says that was constant so far was never asked: it starts anew.
  factor = at::where(began, at::ones_like(factor), factor);
  shift = at::where(began, at::zeros_like(shift), shift);
  if (predicts_variance()) {  // a logarithm of a variance is scaled by a summand
    shift = at::cat({shift, 2 * factor.log()});
    factor = at::cat({factor, at::ones_like(factor)});
  }
  net_.rescale_outputs(factor, shift);
  const torch::Tensor anew = began.nonzero().flatten();
  if (anew.numel() == 0) return;
  net_.redraw_outputs(predicts_variance() ? at::cat({anew, anew + targets_.width()}) : anew,
                      RandomKey(seed_).with("began to vary").bits());
}

void DenseLearner::fit_scaling(const Values& samples, bool keep_function) {
  inputs_.learn(samples);
  targets_.learn(samples);
  const Standardizer x = Standardizer::fit(inputs_.of(samples));
  const Standardizer y = classifies() ? Standardizer::identity(1) : fit_targets(targets_, samples);
  if (keep_function && net_.built()) {
    net_.rescale_inputs(x_, x);
    if (!classifies()) rescale_outputs(y);
  }
  x_ = x;
  y_ = y;
  net_.build(shape(inputs_, targets_));
  place_weights();
}

State DenseLearner::save() const {
  State state;
  state.json = {{"inputs", inputs_.to_json()}, {"targets", targets_.to_json()}, {"seed", std::to_string(seed_)}};
  state.json["device"] = net_.device().str();
  if (!net_.built()) return state;
  x_.save(state.tensors, "inputs");
  y_.save(state.tensors, "targets");
  if (Json constant = constant_so_far(targets_, y_); !classifies() && !constant.empty())
    state.json["constant_so_far"] = std::move(constant);
  net_.save(state.tensors);
  return state;
}

void DenseLearner::load(const State& state) {
  restoring("learner", [&] {
    InputColumns inputs = inputs_;
    Fields targets = targets_;
    inputs.load(state.json.at("inputs"));
    targets.load(state.json.at("targets"));
    if (targets.known() && classifies()) require_one_id(targets.width(), targets_.names().front());
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
    place_weights();
  });
}

}  // namespace assay::detail
