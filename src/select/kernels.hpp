// SPDX-License-Identifier: Apache-2.0
// The inner loops of selection on feature rows, compiled once for each instruction set and chosen when the program
// runs. Every set gives the same bits: sums have one fixed order, and products are never fused into them.
#pragma once

#include <cstdint>

namespace assay::detail {

template <class T>
struct Kernels {
  /// Squared distance in float64: sixteen interleaved partial sums (entry j goes to sum j mod 16), each in the order
  /// of the entries, then added as a binary tree. *The* distance wherever assay calls a selection exact.
  double (*square_distance)(const T* a, const T* b, std::int64_t d);
  /// Inner product in float64, summed in the same order.
  double (*dot)(const T* a, const double* b, std::int64_t d);
  /// centered = x - shift, rounded to T. Returns about |centered|² (relative error below (d / 16 + 8) units).
  T (*center)(const T* x, const T* shift, T* centered, std::int64_t d);
  /// min_j (high[j] - products[j]); NaN is passed over.
  T (*least_upper)(const T* products, const T* high, std::int64_t count);
  /// The j for which low[j] - products[j] <= limit, or is NaN, ascending. Returns how many.
  std::int64_t (*contenders)(const T* products, const T* low, std::int64_t count, T limit, std::int32_t* found);
};

/// The fastest set this processor has.
template <class T>
const Kernels<T>& kernels();

}  // namespace assay::detail
