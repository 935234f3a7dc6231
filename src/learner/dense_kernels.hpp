// SPDX-License-Identifier: Apache-2.0
// The inner loops of training a small dense network on the CPU, compiled once for each instruction set and chosen when
// the program runs. For nets whose layers fit a processor's caches a call into a large matrix library, and the operator
// around it, cost more than the arithmetic.
#pragma once

#include <cstdint>
#include <span>

namespace assay::detail {

/// C[m, n] = A[m, k] · B[k, n] + bias[n], with A(i, p) = a[i·a_row + p·a_step], B(p, j) = b[p·b_step + j·b_column] and
/// C(i, j) = c[i·c_row + j]. Either a_step or a_row is 1. An element's sum depends on its row of A and column of B
/// alone: rows may be given to several threads.
template <class T>
struct Product {
  std::int64_t m, n, k;
  const T* a;
  std::int64_t a_row, a_step;
  const T* b;
  std::int64_t b_step, b_column;
  T* c;
  std::int64_t c_row;
  const T* bias = nullptr;  // null: zeros
};

/// The activations computed here; GELU is the tensor library's.
enum class Elementwise { silu, relu, tanh };

template <class T>
struct DenseKernels {
  /// Columns of a panel: `packed` holds k times as many numbers.
  std::int64_t panel;
  void (*product)(const Product<T>& product, T* packed);
  /// y[i] = φ(x[i]), and x[i] ← φ'(x[i]). Error: a few units in the last place.
  void (*activate)(Elementwise function, T* x, T* y, std::int64_t count);
  /// x[i] ← φ(x[i]), as `activate` without the derivative.
  void (*apply)(Elementwise function, T* x, std::int64_t count);
  /// x[i] ← x[i] · factors[i].
  void (*multiply)(T* x, const T* factors, std::int64_t count);
  /// sums[j] = Σᵢ x[i·columns + j].
  void (*column_sums)(const T* x, std::int64_t rows, std::int64_t columns, T* sums);
};

/// The sets this processor can run, the fastest first.
template <class T>
std::span<const DenseKernels<T>* const> dense_kernel_sets();
/// The fastest of them.
template <class T>
const DenseKernels<T>& dense_kernels() {
  static const DenseKernels<T>& fastest = *dense_kernel_sets<T>().front();
  return fastest;
}

}  // namespace assay::detail
