// SPDX-License-Identifier: Apache-2.0
// Source: Rasmussen and Williams 2006, "Gaussian processes for machine learning", algorithm 2.1, equation 4.17.
#include "gaussian_process.hpp"

#include <assay/error.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace assay::detail {

namespace {

/// Sums of eight at once: the compiler keeps them in one register.
double dot(const double* a, const double* b, std::int64_t n) {
  constexpr std::int64_t lanes = 8;
  double sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::int64_t lane = 0; lane < lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  double sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const double part : sums) sum += part;
  return sum;
}

double square_distance(const double* a, const double* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

SurrogateGaussianProcess::SurrogateGaussianProcess(SurrogateSamples samples, const std::string& where)
    : samples_(std::move(samples)) {
  const std::int64_t n = samples_.count, d = samples_.inputs;
  for (std::int64_t i = 0; i < n * d; ++i)
    samples_.x[static_cast<std::size_t>(i)] /= samples_.lengthscales[static_cast<std::size_t>(i % d)];
  root_.resize(static_cast<std::size_t>(n * n));
  // As the learner does: more on the diagonal, until it can be decomposed.
  constexpr double jitters[] = {0.0, 1e-12, 1e-10, 1e-8, 1e-6};
  if (std::none_of(std::begin(jitters), std::end(jitters), [this](double jitter) { return decompose(jitter); }))
    throw CheckpointError({"assay.surrogate.file", where, "a positive definite covariance", "none", ""});
  solve_weights();
}

double SurrogateGaussianProcess::covariance(double square) const {
  if (!samples_.matern) return samples_.signal * std::exp(-square / 2);
  const double r = std::sqrt(5 * square);
  return samples_.signal * (1 + r + r * r / 3) * std::exp(-r);
}

double SurrogateGaussianProcess::slope(double square) const {
  if (!samples_.matern) return -samples_.signal / 2 * std::exp(-square / 2);
  const double r = std::sqrt(5 * square);
  return -samples_.signal * 5 / 6 * (1 + r) * std::exp(-r);
}

bool SurrogateGaussianProcess::decompose(double jitter) {
  const std::int64_t n = samples_.count, d = samples_.inputs;
  const double own = covariance(0), diagonal = own + samples_.noise + jitter * (own + samples_.noise);
  for (std::int64_t i = 0; i < n; ++i) {
    double* const row = root_.data() + i * n;
    for (std::int64_t j = 0; j <= i; ++j) {
      const double* const other = root_.data() + j * n;
      const double k = j == i ? diagonal
                              : covariance(square_distance(samples_.x.data() + i * d, samples_.x.data() + j * d, d));
      const double rest = k - dot(row, other, j);
      if (j < i) {
        row[j] = rest / other[j];
      } else {
        if (!(rest > 0)) return false;
        row[i] = std::sqrt(rest);
      }
    }
  }
  return true;
}

void SurrogateGaussianProcess::solve_weights() {
  const std::int64_t n = samples_.count, k = samples_.outputs;
  weights_ = samples_.y;
  double* const w = weights_.data();
  for (std::int64_t i = 0; i < n; ++i) {  // L v = y
    const double* const row = root_.data() + i * n;
    for (std::int64_t j = 0; j < i; ++j)
      for (std::int64_t c = 0; c < k; ++c) w[i * k + c] -= row[j] * w[j * k + c];
    for (std::int64_t c = 0; c < k; ++c) w[i * k + c] /= row[i];
  }
  for (std::int64_t i = n; i-- > 0;) {  // Lᵀ w = v
    const double* const row = root_.data() + i * n;
    for (std::int64_t c = 0; c < k; ++c) w[i * k + c] /= row[i];
    for (std::int64_t j = 0; j < i; ++j)
      for (std::int64_t c = 0; c < k; ++c) w[j * k + c] -= row[j] * w[i * k + c];
  }
}

void SurrogateGaussianProcess::predict(const SurrogateBlock& block) const {
  static thread_local std::vector<double> points, covariances;
  const std::int64_t n = samples_.count, d = samples_.inputs, k = samples_.outputs;
  double* const x = at_least(points, block.count * d);
  double* const cross = at_least(covariances, n * block.count);  // [n, count]
  for (std::int64_t i = 0; i < block.count * d; ++i)
    x[i] = block.columns[i] / samples_.lengthscales[static_cast<std::size_t>(i % d)];
  std::fill_n(block.means, block.count * k, 0.0);
  if (block.jacobians) std::fill_n(block.jacobians, block.count * k * d, 0.0);
  for (std::int64_t s = 0; s < n; ++s) {
    const double* const sample = samples_.x.data() + s * d;
    const double* const weights = weights_.data() + s * k;
    for (std::int64_t i = 0; i < block.count; ++i) {
      const double* const point = x + i * d;
      const double square = square_distance(point, sample, d);
      const double value = cross[s * block.count + i] = covariance(square);
      for (std::int64_t c = 0; c < k; ++c) block.means[i * k + c] += value * weights[c];
      if (!block.jacobians) continue;
      const double steep = 2 * slope(square);
      for (std::int64_t c = 0; c < k; ++c) {
        double* const row = block.jacobians + (i * k + c) * d;
        for (std::int64_t j = 0; j < d; ++j)
          row[j] += weights[c] * steep * (point[j] - sample[j]) / samples_.lengthscales[static_cast<std::size_t>(j)];
      }
    }
  }
  if (block.variances) predict_variances(cross, block);
}

/// \param covariances [samples, points]; solved with the root in place of them.
void SurrogateGaussianProcess::predict_variances(const double* covariances, const SurrogateBlock& block) const {
  static thread_local std::vector<double> solved, explained;
  const std::int64_t n = samples_.count, m = block.count, k = samples_.outputs;
  double* const white = at_least(solved, n * m);
  double* const sums = at_least(explained, m);
  std::copy_n(covariances, n * m, white);
  std::fill_n(sums, m, 0.0);
  for (std::int64_t i = 0; i < n; ++i) {
    const double* const row = root_.data() + i * n;
    double* const own = white + i * m;
    for (std::int64_t j = 0; j < i; ++j) {
      const double factor = row[j];
      const double* const earlier = white + j * m;
      for (std::int64_t p = 0; p < m; ++p) own[p] -= factor * earlier[p];
    }
    for (std::int64_t p = 0; p < m; ++p) {
      own[p] /= row[i];
      sums[p] += own[p] * own[p];
    }
  }
  for (std::int64_t p = 0; p < m; ++p) {
    const double variance = std::max(samples_.signal - sums[p], 0.0) + samples_.noise;
    std::fill_n(block.variances + p * k, k, variance);
  }
}

}  // namespace assay::detail
