// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace assay::detail {

/// What an exported Gaussian process holds, in units of its standardised inputs and targets.
struct SurrogateSamples {
  std::int64_t count = 0, inputs = 0, outputs = 0;
  std::vector<double> x, y;  ///< [count, inputs], [count, outputs]
  std::vector<double> lengthscales;
  double signal = 1, noise = 0;  ///< variances
  bool matern = true;            ///< Matérn 5/2; else the squared exponential
};

/// The posterior of a Gaussian process; what `GaussianProcess` says of the same samples.
class SurrogateGaussianProcess final : public SurrogateModel {
 public:
  /// Errors: `CheckpointError` for a covariance that cannot be decomposed. Cost: count³ / 3.
  SurrogateGaussianProcess(SurrogateSamples samples, const std::string& where);

  bool has_variance() const override { return true; }
  void predict(const SurrogateBlock& block) const override;

 private:
  /// k at a squared distance in lengthscales, and its derivative by that.
  double covariance(double square) const;
  double slope(double square) const;
  bool decompose(double jitter);
  void solve_weights();
  void predict_variances(const double* covariances, const SurrogateBlock& block) const;

  SurrogateSamples samples_;     // x over the lengthscales
  std::vector<double> root_;     // lower triangle of the covariance's root, row after row: [count, count]
  std::vector<double> weights_;  // K⁻¹ y, [count, outputs]
};

}  // namespace assay::detail
