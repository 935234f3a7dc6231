// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <functional>
#include <utility>

namespace assay::detail {

/// Scales of a squared exponential kernel, k(a, b) = amplitude · exp(-½ Σ ((aᵢ - bᵢ) / lengthᵢ)²).
struct KernelScales {
  torch::Tensor lengths;  ///< [d]
  double amplitude = 1;

  /// [n, m] of rows [n, d] and [m, d].
  torch::Tensor covariance(const torch::Tensor& a, const torch::Tensor& b) const;
};

/// The scales of highest evidence: the best isotropic ones of a grid, then each length made longer where that helps.
/// Cost: 5 · amplitudes + 2 d evaluations.
KernelScales best_scales(std::int64_t dimensions, const std::vector<double>& amplitudes,
                         const std::function<double(const KernelScales&)>& evidence);

/// P(success | x) by a Gaussian process with a logistic likelihood in Laplace's approximation, around the share of
/// successes. Shapes: x [n, d] standardised, succeeded [n] bool, both of a success and a failure at least.
/// Source: Rasmussen and Williams 2006, algorithms 3.1 and 3.2.
class SuccessModel {
 public:
  SuccessModel(torch::Tensor x, const torch::Tensor& succeeded, KernelScales scales);
  static SuccessModel fit(const torch::Tensor& x, const torch::Tensor& succeeded);

  /// The logarithm of the approximate evidence.
  double evidence() const noexcept { return evidence_; }
  /// [m] of rows [m, d].
  torch::Tensor probability(const torch::Tensor& x) const;

 private:
  torch::Tensor x_;
  KernelScales scales_;
  double mean_ = 0;
  torch::Tensor slope_;   // [n]: of the log likelihood at the mode
  torch::Tensor root_w_;  // [n]: of its curvature
  torch::Tensor root_;    // [n, n]: Cholesky factor of I + √W K √W
  double evidence_ = 0;
};

/// Expected seconds by a Gaussian process of their logarithms with normal noise.
/// Source: Rasmussen and Williams 2006, algorithm 2.1, with the amplitude in closed form.
class CostModel {
 public:
  CostModel(torch::Tensor x, const torch::Tensor& seconds, KernelScales scales, double noise);
  static CostModel fit(const torch::Tensor& x, const torch::Tensor& seconds);

  double evidence() const noexcept { return evidence_; }
  /// [m] of rows [m, d].
  torch::Tensor seconds(const torch::Tensor& x) const;

 private:
  torch::Tensor x_;
  KernelScales scales_;
  double mean_ = 0;
  torch::Tensor weights_;  // [n]
  double evidence_ = 0;
};

}  // namespace assay::detail
