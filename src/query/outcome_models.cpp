// SPDX-License-Identifier: Apache-2.0
#include "outcome_models.hpp"

#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace assay::detail {

namespace {

torch::Tensor identity(const torch::Tensor& x) { return at::eye(x.size(0), torch::kFloat64); }

double log_determinant_of_root(const torch::Tensor& root) { return root.diagonal().log().sum().item<double>(); }

/// ∫ σ(z) N(z | mean, variance) dz by the trapezoidal rule, exact to 1e-6 and better.
torch::Tensor mean_sigmoid(const torch::Tensor& mean, const torch::Tensor& variance) {
  constexpr int points = 61;
  constexpr double widest = 6;
  const torch::Tensor deviation = variance.sqrt();
  torch::Tensor sum = at::zeros_like(mean);
  double weights = 0;
  for (int i = 0; i < points; ++i) {
    const double z = widest * (2.0 * i / (points - 1) - 1), weight = std::exp(-0.5 * z * z);
    sum += weight * at::sigmoid(mean + z * deviation);
    weights += weight;
  }
  return sum / weights;
}

}  // namespace

torch::Tensor KernelScales::covariance(const torch::Tensor& a, const torch::Tensor& b) const {
  const torch::Tensor x = a / lengths, y = b / lengths;
  const torch::Tensor squared = x.square().sum(1, /*keepdim=*/true) + y.square().sum(1) - 2 * at::mm(x, y.t());
  return amplitude * (squared.clamp_min(0) * -0.5).exp();
}

KernelScales best_scales(std::int64_t dimensions, const std::vector<double>& amplitudes,
                         const std::function<double(const KernelScales&)>& evidence) {
  const double unit = std::sqrt(static_cast<double>(dimensions));
  KernelScales best{.lengths = at::full({dimensions}, unit, torch::kFloat64)};
  double highest = -std::numeric_limits<double>::infinity();
  const auto consider = [&](const KernelScales& scales) {
    const double found = evidence(scales);
    if (!(found > highest)) return;
    highest = found;
    best = scales;
  };
  for (const double amplitude : amplitudes) {
    for (const double length : {0.3, 0.6, 1.2, 2.5, 5.0})
      consider({.lengths = at::full({dimensions}, length * unit, torch::kFloat64), .amplitude = amplitude});
  }
  for (std::int64_t i = 0; i < dimensions; ++i) {
    const KernelScales before = best;
    for (const double factor : {2.5, 6.0}) {
      KernelScales longer{.lengths = before.lengths.clone(), .amplitude = before.amplitude};
      longer.lengths[i] *= factor;
      consider(longer);
    }
  }
  return best;
}

SuccessModel::SuccessModel(torch::Tensor x, const torch::Tensor& succeeded, KernelScales scales)
    : x_(std::move(x)), scales_(std::move(scales)) {
  constexpr int most_steps = 100;
  constexpr double tolerance = 1e-10;
  const torch::Tensor t = succeeded.to(torch::kFloat64), k = scales_.covariance(x_, x_), one = identity(x_);
  const double successes = t.sum().item<double>(), failures = static_cast<double>(t.size(0)) - successes;
  // So that the mean over the prior is the share of successes (MacKay 1992, "The evidence framework applied to
  // classification networks", eq. 10, turned round).
  mean_ = std::log(successes / failures) * std::sqrt(1 + std::numbers::pi * scales_.amplitude / 8);
  torch::Tensor g = at::zeros_like(t);
  double before = -std::numeric_limits<double>::infinity();
  for (int step = 0; step < most_steps; ++step) {
    const torch::Tensor p = at::sigmoid(mean_ + g);
    const torch::Tensor w = p * (1 - p);
    slope_ = t - p;
    root_w_ = w.sqrt();
    root_ = at::linalg_cholesky(one + root_w_.unsqueeze(1) * k * root_w_);
    // The value at this g, before the step that Newton's method takes from it.
    const torch::Tensor a = step == 0 ? at::zeros_like(g) : slope_;
    const double value = (-0.5 * a.dot(g) + at::log_sigmoid((2 * t - 1) * (mean_ + g)).sum()).item<double>();
    evidence_ = value - log_determinant_of_root(root_);
    if (std::abs(value - before) < tolerance) return;
    before = value;
    const torch::Tensor b = w * g + slope_;
    const torch::Tensor inner = at::cholesky_solve((root_w_ * at::mv(k, b)).unsqueeze(1), root_).squeeze(1);
    g = at::mv(k, b - root_w_ * inner);
  }
  evidence_ = -std::numeric_limits<double>::infinity();  // it has not converged
}

SuccessModel SuccessModel::fit(const torch::Tensor& x, const torch::Tensor& succeeded) {
  const KernelScales scales = best_scales(x.size(1), {1.0, 4.0, 16.0}, [&](const KernelScales& given) {
    return SuccessModel(x, succeeded, given).evidence();
  });
  return SuccessModel(x, succeeded, scales);
}

torch::Tensor SuccessModel::probability(const torch::Tensor& x) const {
  const torch::Tensor k = scales_.covariance(x_, x);  // [n, m]
  const torch::Tensor mean = mean_ + at::mv(k.t(), slope_);
  const torch::Tensor white = at::linalg_solve_triangular(root_, root_w_.unsqueeze(1) * k, /*upper=*/false);
  return mean_sigmoid(mean, (scales_.amplitude - white.square().sum(0)).clamp_min(0));
}

CostModel::CostModel(torch::Tensor x, const torch::Tensor& seconds, KernelScales scales, double noise)
    : x_(std::move(x)), scales_(std::move(scales)) {
  const torch::Tensor logs = seconds.log();
  mean_ = logs.mean().item<double>();
  const torch::Tensor y = (logs - mean_).unsqueeze(1);
  const torch::Tensor root = at::linalg_cholesky(scales_.covariance(x_, x_) + noise * identity(x_));
  weights_ = at::cholesky_solve(y, root).squeeze(1);
  const auto n = static_cast<double>(y.size(0));
  const double square = y.squeeze(1).dot(weights_).item<double>();
  evidence_ = -0.5 * n * std::log(std::max(square, 1e-300) / n) - log_determinant_of_root(root);
}

CostModel CostModel::fit(const torch::Tensor& x, const torch::Tensor& seconds) {
  constexpr double noises[] = {1e-3, 1e-2, 0.1, 1.0};
  double best_noise = 1;
  const auto evidence = [&](const KernelScales& scales, double noise) {
    return CostModel(x, seconds, scales, noise).evidence();
  };
  // Noise beside an amplitude of one: their common scale has its closed form.
  const KernelScales scales = best_scales(x.size(1), {1.0}, [&](const KernelScales& given) {
    double highest = -std::numeric_limits<double>::infinity();
    for (const double noise : noises) highest = std::max(highest, evidence(given, noise));
    return highest;
  });
  for (const double noise : noises) {
    if (evidence(scales, noise) > evidence(scales, best_noise)) best_noise = noise;
  }
  return CostModel(x, seconds, scales, best_noise);
}

torch::Tensor CostModel::seconds(const torch::Tensor& x) const {
  return (mean_ + at::mv(scales_.covariance(x_, x).t(), weights_)).exp();
}

}  // namespace assay::detail
