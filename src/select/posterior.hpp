// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "run.hpp"

namespace assay::detail {

/// W [d, d] in float64 with W Wᵀ = sigma² (Φᵀ Φ + sigma² I)⁻¹ for the known rows Φ: the covariance of weights that
/// start as N(0, I) and are seen through Φ with noise sigma. With sigma = 0: the projection onto what Φ does not span
/// (singular values up to 1e-10 of the largest count as 0). Without known rows: undefined, meaning the identity.
template <class T>
torch::Tensor posterior_root(Run<T>& run, double sigma);

/// A block of rows in float64, [count, d].
template <class T>
torch::Tensor to_double(const T* rows, std::int64_t count, std::int64_t d);

/// Calls work(rows in float64 [count, d], first) for pieces of a matrix, in order, on this thread.
template <class T, class Work>
void in_pieces(Run<T>& run, const FeatureMatrix& matrix, Work work) {
  const std::int64_t piece = std::min(run.plan.block_rows * run.plan.threads, matrix.rows());
  RowReader<T> reader(run.meter, matrix, piece);
  const Array<double> counted(run.meter, piece * run.d());  // what the conversion below takes
  for (std::int64_t first = 0; first < matrix.rows(); first += piece) {
    const std::int64_t count = std::min(piece, matrix.rows() - first);
    const T* rows = reader.block(first, count);
    const torch::Tensor converted = to_double(rows, count, run.d());
    if (!std::isfinite(converted.sum().template item<double>())) {
      for (std::int64_t i = 0; i < count; ++i) run.require_finite(matrix, rows + i * run.d(), first + i);
    }
    work(converted, first);
  }
}

}  // namespace assay::detail
