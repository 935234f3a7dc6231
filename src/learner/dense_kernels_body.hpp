// SPDX-License-Identifier: Apache-2.0
// Included by one source for each instruction set, which defines ASSAY_ISA and the sizes that fit its registers; no
// inline function of another header may be used here, or the linker could keep a copy that other processors cannot run.
#include "dense_kernels.hpp"

namespace assay::detail::ASSAY_ISA {

namespace {

typedef float Floats __attribute__((vector_size(ASSAY_VECTOR_BYTES)));
typedef double Doubles __attribute__((vector_size(ASSAY_VECTOR_BYTES)));

typedef std::int32_t Ints __attribute__((vector_size(ASSAY_VECTOR_BYTES)));
typedef std::int64_t Longs __attribute__((vector_size(ASSAY_VECTOR_BYTES)));

template <class T>
struct VectorOf {
  using Type = Doubles;
  using Whole = Longs;
};
template <>
struct VectorOf<float> {
  using Type = Floats;
  using Whole = Ints;
};

template <class T>
constexpr int width = ASSAY_VECTOR_BYTES / static_cast<int>(sizeof(T));
constexpr int vectors = 2;  // of a panel
template <class T>
constexpr int panel = vectors * width<T>;

template <class V, class T>
inline V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

/// `Rows` rows of `Vectors` vectors of columns of C; `b` holds these columns, `step` apart from one p to the next.
template <class T, int Rows, int Vectors>
inline void tile(const Product<T>& product, std::int64_t row, const T* b, std::int64_t step, const T* bias,
                 std::int64_t column, std::int64_t columns) {
  using V = typename VectorOf<T>::Type;
  V sums[Rows][Vectors];
  for (int v = 0; v < Vectors; ++v) {
    const V first = bias ? load<V>(bias + v * width<T>) : V{};
    for (int r = 0; r < Rows; ++r) sums[r][v] = first;
  }
  const T* a = product.a + row * product.a_row;
  for (std::int64_t p = 0; p < product.k; ++p, a += product.a_step, b += step) {
    V factors[Vectors];
    for (int v = 0; v < Vectors; ++v) factors[v] = load<V>(b + v * width<T>);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const T factor = a[r * product.a_row];
      for (int v = 0; v < Vectors; ++v) sums[r][v] += factor * factors[v];
    }
  }
  T* c = product.c + row * product.c_row + column;
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r, c += product.c_row) {
    if (columns == Vectors * width<T>) {
      for (int v = 0; v < Vectors; ++v) __builtin_memcpy(c + v * width<T>, &sums[r][v], sizeof(V));
    } else {
      T rest[Vectors * width<T>];
      for (int v = 0; v < Vectors; ++v) __builtin_memcpy(rest + v * width<T>, &sums[r][v], sizeof(V));
      for (std::int64_t j = 0; j < columns; ++j) c[j] = rest[j];
    }
  }
}

template <class T, int Rows, int Vectors>
inline std::int64_t tiles(const Product<T>& product, std::int64_t row, const T* b, std::int64_t step, const T* bias,
                          std::int64_t column, std::int64_t columns) {
  for (; row + Rows <= product.m; row += Rows) tile<T, Rows, Vectors>(product, row, b, step, bias, column, columns);
  return row;
}

/// `columns` columns of B from `column` on, in rows of `step` numbers, the missing ones zero.
template <class T>
inline void pack(const Product<T>& product, std::int64_t column, std::int64_t columns, std::int64_t step, T* packed) {
  const T* b = product.b + column * product.b_column;
  for (std::int64_t p = 0; p < product.k; ++p) {
    T* row = packed + p * step;
    const T* from = b + p * product.b_step;
    if (product.b_column == 1) {
      for (std::int64_t j = 0; j < columns; ++j) row[j] = from[j];
    } else {
      for (std::int64_t j = 0; j < columns; ++j) row[j] = from[j * product.b_column];
    }
    for (std::int64_t j = columns; j < step; ++j) row[j] = 0;
  }
}

/// At most `Vectors` vectors of columns, all rows.
template <class T, int Vectors>
inline void columns_of(const Product<T>& product, std::int64_t column, std::int64_t columns, T* packed) {
  constexpr std::int64_t whole = Vectors * width<T>;
  const T* b = product.b + column;
  std::int64_t step = product.b_step;
  // Rows far apart share few of a cache's sets: many rows of A pay for bringing them together.
  if (product.b_column != 1 || columns < whole || (product.m >= 64 && product.k >= 64)) {
    pack(product, column, columns, whole, packed);
    b = packed;
    step = whole;
  }
  T padded[whole] = {};
  const T* bias = nullptr;
  if (product.bias) {
    for (std::int64_t j = 0; j < columns; ++j) padded[j] = product.bias[column + j];
    bias = padded;
  }
  std::int64_t row = tiles<T, ASSAY_TILE_ROWS, Vectors>(product, 0, b, step, bias, column, columns);
  row = tiles<T, 4, Vectors>(product, row, b, step, bias, column, columns);
  row = tiles<T, 2, Vectors>(product, row, b, step, bias, column, columns);
  tiles<T, 1, Vectors>(product, row, b, step, bias, column, columns);
}

template <class T>
inline T sum_of(const typename VectorOf<T>::Type& v) {
  T parts[width<T>];
  __builtin_memcpy(parts, &v, sizeof v);
  for (int step = width<T> / 2; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) parts[i] += parts[i + step];
  }
  return parts[0];
}

/// One column of C: inner products of the rows of A with a column of B where rows lie in order, else sums of columns.
template <class T>
inline void one_column(const Product<T>& product, std::int64_t column, T* packed) {
  using V = typename VectorOf<T>::Type;
  const T* b = product.b + column * product.b_column;
  for (std::int64_t p = 0; p < product.k; ++p) packed[p] = b[p * product.b_step];
  const T first = product.bias ? product.bias[column] : 0;
  T* c = product.c + column;
  if (product.a_step == 1) {
    for (std::int64_t i = 0; i < product.m; ++i) {
      const T* a = product.a + i * product.a_row;
      V sums{};
      std::int64_t p = 0;
      for (; p + width<T> <= product.k; p += width<T>) sums += load<V>(a + p) * load<V>(packed + p);
      T sum = first + sum_of<T>(sums);
      for (; p < product.k; ++p) sum += a[p] * packed[p];
      c[i * product.c_row] = sum;
    }
    return;
  }
  std::int64_t i = 0;
  for (; i + width<T> <= product.m; i += width<T>) {
    V sums = V{} + first;
    for (std::int64_t p = 0; p < product.k; ++p) sums += packed[p] * load<V>(product.a + i + p * product.a_step);
    T parts[width<T>];
    __builtin_memcpy(parts, &sums, sizeof sums);
    for (int j = 0; j < width<T>; ++j) c[(i + j) * product.c_row] = parts[j];
  }
  for (; i < product.m; ++i) {
    T sum = first;
    for (std::int64_t p = 0; p < product.k; ++p) sum += packed[p] * product.a[i + p * product.a_step];
    c[i * product.c_row] = sum;
  }
}

template <class T>
void product(const Product<T>& product, T* packed) {
  if (product.n <= 4 && product.k > 1) {
    for (std::int64_t column = 0; column < product.n; ++column) one_column(product, column, packed);
    return;
  }
  for (std::int64_t column = 0; column < product.n; column += panel<T>) {
    const std::int64_t left = product.n - column;
    if (left > width<T>) {
      columns_of<T, vectors>(product, column, left < panel<T> ? left : panel<T>, packed);
    } else {
      columns_of<T, 1>(product, column, left, packed);
    }
  }
}

/// What the exponential function takes: eˣ = 2ⁿ eʳ with n whole and |r| ≤ ln 2 / 2, and Taylor's series of eʳ.
template <class T>
struct Exponential;
template <>
struct Exponential<float> {
  static constexpr int terms = 7, mantissa = 23, bias = 127;
  static constexpr float lowest = -87, highest = 88, to_whole = 12582912;          // 1.5 · 2²³
  static constexpr float ln2_high = 0.693145751953125f, ln2_low = 1.42860682e-6f;  // the high part has few bits
};
template <>
struct Exponential<double> {
  static constexpr int terms = 13, mantissa = 52, bias = 1023;
  static constexpr double lowest = -708, highest = 709, to_whole = 6755399441055744;  // 1.5 · 2⁵²
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
};

/// power = 2ⁿ and rest = eʳ - 1, so that eˣ = power + power · rest, and eˣ - 1 comes out without cancellation.
template <class T, class V>
inline void exponential(V x, V& power, V& rest) {
  using E = Exponential<T>;
  using Whole = typename VectorOf<T>::Whole;
  x = x < E::lowest ? V{} + E::lowest : x;
  x = x > E::highest ? V{} + E::highest : x;
  // Added to a number this large, the whole part stays in the last bits.
  const V shifted = x * static_cast<T>(1.4426950408889634) + E::to_whole;
  const V n = shifted - E::to_whole;
  const V r = (x - n * E::ln2_high) - n * E::ln2_low;
  V sum = V{} + 1;
#pragma GCC unroll 13
  for (int i = E::terms; i > 1; --i) sum = 1 + sum * r * (1 / static_cast<T>(i));
  rest = sum * r;
  Whole bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + E::bias) << E::mantissa;  // what lies above the exponent is shifted out
  __builtin_memcpy(&power, &bits, sizeof bits);
}

template <class T, class V>
inline void silu(V& x, V& y) {
  V power, rest;
  exponential<T>(-x, power, rest);
  const V sigmoid = 1 / (1 + power + power * rest);
  y = x * sigmoid;
  x = sigmoid * (1 + x * (1 - sigmoid));
}

template <class T, class V>
inline void relu(V& x, V& y) {
  y = x > 0 ? x : (x != x ? x : V{});
  x = x > 0 ? V{} + 1 : V{};
}

template <class T, class V>
inline void tanh(V& x, V& y) {
  V power, rest;
  exponential<T>(2 * x, power, rest);
  const V less_one = power * rest + (power - 1);  // of e^(2x)
  y = less_one / (less_one + 2);
  x = 1 - y * y;
}

/// y becomes the function of x; x its derivative there, where that is asked for. They may be the same where it is not.
template <class T, bool WithDerivative, void (*Function)(typename VectorOf<T>::Type&, typename VectorOf<T>::Type&)>
inline void each(T* x, T* y, std::int64_t count) {
  using V = typename VectorOf<T>::Type;
  const auto step = [](T* from, T* to) {
    V in = load<V>(from), out;
    Function(in, out);
    if constexpr (WithDerivative) __builtin_memcpy(from, &in, sizeof in);
    __builtin_memcpy(to, &out, sizeof out);
  };
  std::int64_t i = 0;
  for (; i + width<T> <= count; i += width<T>) step(x + i, y + i);
  if (i == count) return;
  T from[width<T>] = {}, to[width<T>];
  for (std::int64_t j = i; j < count; ++j) from[j - i] = x[j];
  step(from, to);
  for (std::int64_t j = i; j < count; ++j) {
    if constexpr (WithDerivative) x[j] = from[j - i];
    y[j] = to[j - i];
  }
}

template <class T, bool WithDerivative>
inline void each_of(Elementwise function, T* x, T* y, std::int64_t count) {
  using V = typename VectorOf<T>::Type;
  switch (function) {
    case Elementwise::silu: return each<T, WithDerivative, silu<T, V>>(x, y, count);
    case Elementwise::relu: return each<T, WithDerivative, relu<T, V>>(x, y, count);
    case Elementwise::tanh: return each<T, WithDerivative, tanh<T, V>>(x, y, count);
  }
}

template <class T>
void activate(Elementwise function, T* x, T* y, std::int64_t count) {
  each_of<T, /*WithDerivative=*/true>(function, x, y, count);
}

template <class T>
void apply(Elementwise function, T* x, std::int64_t count) {
  each_of<T, /*WithDerivative=*/false>(function, x, x, count);
}

template <class T>
void multiply(T* x, const T* factors, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factors[i];
}

template <class T>
void column_sums(const T* x, std::int64_t rows, std::int64_t columns, T* sums) {
  for (std::int64_t j = 0; j < columns; ++j) sums[j] = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) sums[j] += x[i * columns + j];
  }
}

}  // namespace

extern const DenseKernels<float> of_float;
extern const DenseKernels<double> of_double;
const DenseKernels<float> of_float{panel<float>, product<float>,  activate<float>,
                                   apply<float>, multiply<float>, column_sums<float>};
const DenseKernels<double> of_double{panel<double>, product<double>,  activate<double>,
                                     apply<double>, multiply<double>, column_sums<double>};

}  // namespace assay::detail::ASSAY_ISA
