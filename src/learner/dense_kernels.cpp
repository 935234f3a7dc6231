// SPDX-License-Identifier: Apache-2.0
#include "dense_kernels.hpp"

#include <vector>

namespace assay::detail {

namespace dense_generic {
extern const DenseKernels<float> of_float;
extern const DenseKernels<double> of_double;
}  // namespace dense_generic

#if defined(__x86_64__)
namespace dense_avx2 {
extern const DenseKernels<float> of_float;
extern const DenseKernels<double> of_double;
}  // namespace dense_avx2
namespace dense_avx512 {
extern const DenseKernels<float> of_float;
extern const DenseKernels<double> of_double;
}  // namespace dense_avx512
#endif

namespace {

template <class T>
std::vector<const DenseKernels<T>*> runnable(const DenseKernels<T>& generic,
                                             [[maybe_unused]] const DenseKernels<T>* avx2,
                                             [[maybe_unused]] const DenseKernels<T>* avx512) {
  std::vector<const DenseKernels<T>*> sets;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) sets.push_back(avx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back(avx2);
#endif
  sets.push_back(&generic);
  return sets;
}

}  // namespace

template <>
std::span<const DenseKernels<float>* const> dense_kernel_sets<float>() {
#if defined(__x86_64__)
  static const auto sets = runnable(dense_generic::of_float, &dense_avx2::of_float, &dense_avx512::of_float);
#else
  static const auto sets = runnable<float>(dense_generic::of_float, nullptr, nullptr);
#endif
  return sets;
}

template <>
std::span<const DenseKernels<double>* const> dense_kernel_sets<double>() {
#if defined(__x86_64__)
  static const auto sets = runnable(dense_generic::of_double, &dense_avx2::of_double, &dense_avx512::of_double);
#else
  static const auto sets = runnable<double>(dense_generic::of_double, nullptr, nullptr);
#endif
  return sets;
}

}  // namespace assay::detail
