// SPDX-License-Identifier: Apache-2.0
// Included by one source for each instruction set, which defines ASSAY_ISA; no inline function of another header may be
// used here, or the linker could keep a copy that other processors cannot run.
#include "kernels.hpp"

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace assay::detail::ASSAY_ISA {

namespace {

typedef double Doubles __attribute__((vector_size(64)));
typedef float Floats __attribute__((vector_size(64)));
typedef float EightFloats __attribute__((vector_size(32)));

template <class T>
struct VectorOf {
  using Type = Doubles;
};
template <>
struct VectorOf<float> {
  using Type = Floats;
};

template <class V, class T>
V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
Doubles eight(const double* p) { return load<Doubles>(p); }
Doubles eight(const float* p) { return __builtin_convertvector(load<EightFloats>(p), Doubles); }

double tree(double* sums) {
  for (int step = 8; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) sums[i] += sums[i + step];
  }
  return sums[0];
}

template <class T>
double square_distance(const T* a, const T* b, std::int64_t d) {
  Doubles low{}, high{};
  std::int64_t j = 0;
  for (; j + 16 <= d; j += 16) {
    const Doubles first = eight(a + j) - eight(b + j), second = eight(a + j + 8) - eight(b + j + 8);
    low += first * first;
    high += second * second;
  }
  double sums[16];
  __builtin_memcpy(sums, &low, sizeof low);
  __builtin_memcpy(sums + 8, &high, sizeof high);
  for (int i = 0; j < d; ++j, ++i) {
    const double difference = static_cast<double>(a[j]) - static_cast<double>(b[j]);
    sums[i] += difference * difference;
  }
  return tree(sums);
}

template <class T>
double dot(const T* a, const double* b, std::int64_t d) {
  Doubles low{}, high{};
  std::int64_t j = 0;
  for (; j + 16 <= d; j += 16) {
    low += eight(a + j) * eight(b + j);
    high += eight(a + j + 8) * eight(b + j + 8);
  }
  double sums[16];
  __builtin_memcpy(sums, &low, sizeof low);
  __builtin_memcpy(sums + 8, &high, sizeof high);
  for (int i = 0; j < d; ++j, ++i) sums[i] += static_cast<double>(a[j]) * b[j];
  return tree(sums);
}

template <class T>
T center(const T* x, const T* shift, T* centered, std::int64_t d) {
  using V = typename VectorOf<T>::Type;
  constexpr int width = 64 / sizeof(T);
  V first{}, second{};
  std::int64_t j = 0;
  for (; j + 2 * width <= d; j += 2 * width) {
    const V a = load<V>(x + j) - load<V>(shift + j), b = load<V>(x + j + width) - load<V>(shift + j + width);
    __builtin_memcpy(centered + j, &a, sizeof a);
    __builtin_memcpy(centered + j + width, &b, sizeof b);
    first += a * a;
    second += b * b;
  }
  first += second;
  T sum = 0;
  for (int i = 0; i < width; ++i) sum += first[i];
  T rest = 0;
  for (; j < d; ++j) {
    centered[j] = x[j] - shift[j];
    rest += centered[j] * centered[j];
  }
  return sum + rest;
}

template <class T>
T least_upper(const T* products, const T* high, std::int64_t count) {
  using V = typename VectorOf<T>::Type;
  constexpr int width = 64 / sizeof(T);
  V least = V{} + static_cast<T>(__builtin_inf());
  V other = least;
  std::int64_t j = 0;
  for (; j + 2 * width <= count; j += 2 * width) {
    const V a = load<V>(high + j) - load<V>(products + j);
    const V b = load<V>(high + j + width) - load<V>(products + j + width);
    least = a < least ? a : least;
    other = b < other ? b : other;
  }
  least = other < least ? other : least;
  T result = least[0];
  for (int i = 1; i < width; ++i) result = least[i] < result ? least[i] : result;
  for (; j < count; ++j) {
    const T value = high[j] - products[j];
    result = value < result ? value : result;
  }
  return result;
}

/// One bit for each of 16 entries that is not greater than the limit.
unsigned not_greater(const float* low, const float* products, float limit) {
#if defined(__AVX512F__)
  const __m512 v = _mm512_sub_ps(_mm512_loadu_ps(low), _mm512_loadu_ps(products));
  return _mm512_cmp_ps_mask(v, _mm512_set1_ps(limit), _CMP_NGT_UQ);
#elif defined(__AVX2__)
  const __m256 bound = _mm256_set1_ps(limit);
  const __m256 a = _mm256_sub_ps(_mm256_loadu_ps(low), _mm256_loadu_ps(products));
  const __m256 b = _mm256_sub_ps(_mm256_loadu_ps(low + 8), _mm256_loadu_ps(products + 8));
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a, bound, _CMP_NGT_UQ))) |
         static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(b, bound, _CMP_NGT_UQ))) << 8;
#else
  unsigned bits = 0;
  for (int i = 0; i < 16; ++i) bits |= static_cast<unsigned>(!(low[i] - products[i] > limit)) << i;
  return bits;
#endif
}
unsigned not_greater(const double* low, const double* products, double limit) {
  unsigned bits = 0;
  for (int i = 0; i < 16; ++i) bits |= static_cast<unsigned>(!(low[i] - products[i] > limit)) << i;
  return bits;
}

template <class T>
std::int64_t contenders(const T* products, const T* low, std::int64_t count, T limit, std::int32_t* found) {
  std::int64_t n = 0, j = 0;
  for (; j + 16 <= count; j += 16) {
    for (unsigned bits = not_greater(low + j, products + j, limit); bits != 0; bits &= bits - 1) {
      found[n++] = static_cast<std::int32_t>(j) + __builtin_ctz(bits);
    }
  }
  for (; j < count; ++j) {
    if (!(low[j] - products[j] > limit)) found[n++] = static_cast<std::int32_t>(j);
  }
  return n;
}

}  // namespace

extern const Kernels<float> of_float;
extern const Kernels<double> of_double;
const Kernels<float> of_float{square_distance<float>, dot<float>, center<float>, least_upper<float>, contenders<float>};
const Kernels<double> of_double{square_distance<double>, dot<double>, center<double>, least_upper<double>,
                                contenders<double>};

}  // namespace assay::detail::ASSAY_ISA
