// SPDX-License-Identifier: Apache-2.0
#include "class_ids.hpp"
#include "target_columns.hpp"

#include <assay/data/random.hpp>
#include <assay/detail/generator_scope.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/learner/gaussian_process.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <numbers>

namespace assay {

namespace {

// Outside these a likelihood says nothing more about standardised data, and exponentials soon overflow.
constexpr double least_lengthscale = 1e-3, largest_lengthscale = 1e4;
constexpr double least_signal = 1e-6, largest_signal = 1e6;
constexpr double least_noise = 1e-10, largest_noise = 1e2;

torch::Tensor leaf(const torch::Tensor& values) { return values.detach().clone().requires_grad_(); }

torch::Tensor bounded(const torch::Tensor& log, double least, double largest) {
  return log.clamp(std::log(least), std::log(largest)).exp();
}

torch::Tensor normal(std::vector<std::int64_t> shape, const RandomKey& key) {
  at::Generator generator = detail::make_generator(key.bits());
  return at::empty(shape, torch::kFloat64).normal_(0, 1, generator);
}

}  // namespace

GaussianProcess::GaussianProcess(GaussianProcessOptions options_)
    : options(std::move(options_)), inputs_(options.inputs), targets_("targets", options.targets.names()) {
  require_valid(options, key);
  make_parameters(0);
}

std::vector<TargetRule> GaussianProcess::target_rules() const {
  return detail::target_rules(options.targets, 0, counts_components_);
}

torch::Tensor GaussianProcess::column_weights() const {
  return y_.scale.defined() ? detail::column_weights(target_rules(), targets_, y_) : torch::Tensor();
}

void GaussianProcess::make_parameters(std::int64_t lengthscales) {
  log_lengthscales_ = leaf(at::zeros({lengthscales}, torch::kFloat64));
  log_signal_ = leaf(at::zeros({}, torch::kFloat64));
  log_noise_ = leaf(at::full({}, std::log(1e-4), torch::kFloat64));
  factor_.reset();
}

torch::Tensor GaussianProcess::covariance(const torch::Tensor& x, const torch::Tensor& y) const {
  const torch::Tensor scales = bounded(log_lengthscales_, least_lengthscale, largest_lengthscale);
  const torch::Tensor a = x / scales, b = y / scales;
  const torch::Tensor square = (a.square().sum(1, true) + b.square().sum(1, true).t() - 2 * at::mm(a, b.t()));
  const torch::Tensor signal = bounded(log_signal_, least_signal, largest_signal);
  if (options.covariance == Covariance::rbf) return signal * (square.clamp_min(0) / -2).exp();
  // The root's slope is infinite at zero, where the covariance's own is zero.
  const torch::Tensor r = (5 * square.clamp_min(1e-30)).sqrt();
  return signal * (1 + r + r.square() / 3) * (-r).exp();
}

torch::Tensor GaussianProcess::root_of(const torch::Tensor& x) const {
  const torch::Tensor noise = bounded(log_noise_, least_noise, largest_noise);
  const torch::Tensor one = at::eye(x.size(0), torch::kFloat64);
  const torch::Tensor k = covariance(x, x) + noise * one;
  const double size = k.detach().diagonal().mean().item<double>();
  for (const double jitter : {0.0, 1e-12, 1e-10, 1e-8, 1e-6}) {
    const auto [root, failed] = at::linalg_cholesky_ex(jitter > 0 ? k + jitter * size * one : k);
    if (failed.item<int>() == 0) return root;
  }
  throw TrainingError({"assay.training.not_finite", "gaussian_process", "a positive definite covariance",
                       "none for these samples and hyperparameters", "look for inputs that are not finite"});
}

torch::Tensor GaussianProcess::negative_log_likelihood(const torch::Tensor& x, const torch::Tensor& y,
                                                       const torch::Tensor& weights) const {
  const torch::Tensor root = root_of(x);
  const torch::Tensor white = at::linalg_solve_triangular(root, y, /*upper=*/false);
  const auto columns = static_cast<double>(y.size(1));  // the sum of the weights, too
  const torch::Tensor squares = white.square();
  return (weights.defined() ? squares * weights : squares).sum() / 2 + columns * root.diagonal().log().sum() +
         static_cast<double>(y.numel()) / 2 * std::log(2 * std::numbers::pi);
}

Batch GaussianProcess::pack(const Values& samples, std::span<const SampleId>) const {
  Batch batch;
  batch.inputs.push_back(standardised(samples));
  batch.targets.push_back(y_.apply(targets_.flatten(samples)));
  return batch;
}

torch::Tensor GaussianProcess::training_step(const Batch& batch) {
  return negative_log_likelihood(batch.inputs.front(), batch.targets.front(), column_weights()) /
         static_cast<double>(batch.size());
}

void GaussianProcess::reset(std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  const std::int64_t d = inputs_.width();
  make_parameters(d);
  // Standardised points lie √(2 d) apart: a quarter to all of that.
  const RandomKey key(seed);
  const double typical = std::sqrt(2.0 * static_cast<double>(d));
  log_lengthscales_.detach().copy_(
      std::log(typical / 2) +
      std::log(2.0) *
          (at::empty({d}, torch::kFloat64).uniform_(-1, 1, detail::make_generator(key.with("lengthscales").bits()))));
  log_noise_.detach().fill_(std::log(1e-6) + key.with("noise").uniform() * std::log(1e4));
}

void GaussianProcess::fit_scaling(const Values& samples, bool keep_function) {
  inputs_.learn(samples);
  targets_.learn(samples);
  const torch::Tensor x = inputs_.of(samples), y = targets_.flatten(samples);
  const Standardizer before = x_;
  x_ = Standardizer::fit(x);
  y_ = detail::fit_targets(targets_, samples);
  known_x_ = x_.apply(x);
  known_y_ = y_.apply(y);
  factor_.reset();
  if (log_lengthscales_.size(0) != inputs_.width()) {
    make_parameters(inputs_.width());
  } else if (keep_function && before.scale.defined()) {
    const at::NoGradGuard no_grad;
    log_lengthscales_.detach().add_((before.scale / x_.scale).log());
  }
}

const GaussianProcess::Factor& GaussianProcess::factor() const {
  const at::NoGradGuard no_grad;
  if (!known_x_.defined()) {
    throw TrainingError({"assay.learner.untrained", "gaussian_process", "samples to condition on", "none",
                         "train it before it is asked"});
  }
  const torch::Tensor now = at::cat(
      {log_lengthscales_.detach(), log_signal_.detach().reshape({1}), log_noise_.detach().reshape({1})});
  if (factor_ && factor_->hyperparameters.equal(now)) return *factor_;
  const torch::Tensor root = root_of(known_x_);
  factor_ = Factor{now, root, at::cholesky_solve(known_y_, root)};
  return *factor_;
}

Values GaussianProcess::predict(const Values& inputs) const {
  const at::NoGradGuard no_grad;
  const Factor& known = factor();
  return targets_.unflatten(y_.invert(at::mm(covariance(standardised(inputs), known_x_), known.weights)));
}

Values GaussianProcess::variance(const Values& inputs) const {
  const at::NoGradGuard no_grad;
  const Factor& known = factor();
  const torch::Tensor x = standardised(inputs);
  const torch::Tensor white = at::linalg_solve_triangular(known.root, covariance(known_x_, x), /*upper=*/false);
  const Hyperparameters now = hyperparameters();
  const torch::Tensor own = (now.signal_variance - white.square().sum(0)).clamp_min(0) + now.noise_variance;
  return targets_.unflatten(own.unsqueeze(1) * y_.scale.square());
}

torch::Tensor GaussianProcess::embeddings(const Values& inputs) const {
  const at::NoGradGuard no_grad;
  return standardised(inputs) / bounded(log_lengthscales_, least_lengthscale, largest_lengthscale);
}

GaussianProcess::PriorFeatures GaussianProcess::prior(std::int64_t features, std::uint64_t seed) const {
  const RandomKey key(seed);
  torch::Tensor frequencies = normal({inputs_.width(), features}, key.with("frequencies"));
  if (options.covariance == Covariance::matern52) {
    // The spectrum of Matérn 5/2 is a multivariate t with five degrees of freedom.
    frequencies = frequencies * (5 / normal({5, features}, key.with("spectrum")).square().sum(0)).sqrt();
  }
  const torch::Tensor phases = at::empty({features}, torch::kFloat64)
                                   .uniform_(0, 2 * std::numbers::pi,
                                             detail::make_generator(key.with("phases").bits()));
  return {frequencies, phases};
}

torch::Tensor GaussianProcess::evaluate(const PriorFeatures& prior, const torch::Tensor& x) const {
  const torch::Tensor scaled = x / bounded(log_lengthscales_, least_lengthscale, largest_lengthscale);
  const double size = std::sqrt(2 * hyperparameters().signal_variance / static_cast<double>(prior.phases.size(0)));
  return at::cos(at::mm(scaled, prior.frequencies) + prior.phases) * size;
}

torch::Tensor GaussianProcess::gradient_features(const Values& inputs, const GradientOptions& gradients) const {
  const at::NoGradGuard no_grad;
  return evaluate(prior(gradients.sketch > 0 ? gradients.sketch : options.random_features, gradients.seed),
                  standardised(inputs));
}

torch::Tensor GaussianProcess::posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const {
  const at::NoGradGuard no_grad;
  const Factor& known = factor();
  const RandomKey key(seed);
  const PriorFeatures features = prior(options.random_features, key.with("features").bits());
  const std::int64_t k = targets_.width(), n = known_x_.size(0);
  const torch::Tensor weights = normal({options.random_features, draws * k}, key.with("weights"));
  const torch::Tensor noise = normal({n, draws * k}, key.with("noise")) * std::sqrt(hyperparameters().noise_variance);
  const torch::Tensor missed = known_y_.repeat({1, draws}) - at::mm(evaluate(features, known_x_), weights) - noise;
  const torch::Tensor x = standardised(inputs);
  const torch::Tensor drawn = at::mm(evaluate(features, x), weights) +
                              at::mm(covariance(x, known_x_), at::cholesky_solve(missed, known.root));
  const torch::Tensor outputs = drawn.reshape({x.size(0), draws, k}).permute({1, 0, 2}).contiguous();
  const torch::Tensor column = column_weights();
  return column.defined() ? outputs * column.sqrt() : outputs;
}

double GaussianProcess::log_marginal_likelihood() const {
  const at::NoGradGuard no_grad;
  factor();  // throws without samples
  return -negative_log_likelihood(known_x_, known_y_, {}).item<double>();
}

Hyperparameters GaussianProcess::hyperparameters() const {
  const at::NoGradGuard no_grad;
  const torch::Tensor scales = bounded(log_lengthscales_, least_lengthscale, largest_lengthscale).contiguous();
  const auto* first = scales.const_data_ptr<double>();
  return {{first, first + scales.size(0)},
          bounded(log_signal_, least_signal, largest_signal).item<double>(),
          bounded(log_noise_, least_noise, largest_noise).item<double>()};
}

void GaussianProcess::set_hyperparameters(const Hyperparameters& values) {
  if (static_cast<std::int64_t>(values.lengthscales.size()) != inputs_.width()) {
    throw ShapeError({"assay.learner.shape", "gaussian_process", std::to_string(inputs_.width()) + " lengthscales",
                      std::to_string(values.lengthscales.size()), ""});
  }
  const at::NoGradGuard no_grad;
  log_lengthscales_.detach().copy_(at::tensor(values.lengthscales, torch::kFloat64).log());
  log_signal_.detach().fill_(std::log(values.signal_variance));
  log_noise_.detach().fill_(std::log(values.noise_variance));
}

State GaussianProcess::save() const {
  State state;
  state.json = {{"inputs", inputs_.to_json()}, {"targets", targets_.to_json()}};
  if (!known_x_.defined()) return state;
  x_.save(state.tensors, "inputs");
  y_.save(state.tensors, "targets");
  if (Json constant = detail::constant_so_far(targets_, y_); !constant.empty())
    state.json["constant_so_far"] = std::move(constant);
  state.tensors.set("known/inputs", known_x_);
  state.tensors.set("known/targets", known_y_);
  state.tensors.set("log/lengthscales", log_lengthscales_.detach().clone());
  state.tensors.set("log/signal", log_signal_.detach().clone());
  state.tensors.set("log/noise", log_noise_.detach().clone());
  return state;
}

void GaussianProcess::load(const State& state) {
  detail::restoring("learner", [&] {
    InputColumns inputs = inputs_;
    Fields targets = targets_;
    inputs.load(state.json.at("inputs"));
    targets.load(state.json.at("targets"));
    if (!inputs.known() && state.tensors.empty()) {
      GaussianProcess empty(options);
      empty.counts_components_ = counts_components_;
      *this = std::move(empty);
      return;
    }
    const std::int64_t d = inputs.width(), k = targets.width();
    const Standardizer x = Standardizer::load(state.tensors, "inputs", d);
    const Standardizer y = Standardizer::load(state.tensors, "targets", k);
    const auto read = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
      const torch::Tensor& saved = state.tensors.at(name);
      if (saved.scalar_type() == torch::kFloat64 && saved.sizes() == torch::IntArrayRef(shape)) return saved;
      throw CheckpointError({"assay.checkpoint.learner", "learner state '" + name + "'",
                             "float64 numbers of the learner's fields", "others", ""});
    };
    const torch::Tensor& known = state.tensors.at("known/inputs");
    const std::int64_t n = known.dim() > 0 ? known.size(0) : 0;
    const torch::Tensor known_x = read("known/inputs", {n, d}), known_y = read("known/targets", {n, k});
    const torch::Tensor lengthscales = read("log/lengthscales", {d}), signal = read("log/signal", {}),
                        noise = read("log/noise", {});
    inputs_ = std::move(inputs);
    targets_ = std::move(targets);
    x_ = x;
    y_ = y;
    known_x_ = known_x;
    known_y_ = known_y;
    log_lengthscales_ = leaf(lengthscales);
    log_signal_ = leaf(signal);
    log_noise_ = leaf(noise);
    factor_.reset();
  });
}

}  // namespace assay
