// SPDX-License-Identifier: Apache-2.0
#include "kernels.hpp"

namespace assay::detail {

namespace generic {
extern const Kernels<float> of_float;
extern const Kernels<double> of_double;
}  // namespace generic

#if defined(__x86_64__)
namespace avx2 {
extern const Kernels<float> of_float;
extern const Kernels<double> of_double;
}  // namespace avx2
namespace avx512 {
extern const Kernels<float> of_float;
extern const Kernels<double> of_double;
}  // namespace avx512
#endif

template <>
const Kernels<float>& kernels<float>() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512::of_float;
  if (__builtin_cpu_supports("avx2")) return avx2::of_float;
#endif
  return generic::of_float;
}

template <>
const Kernels<double>& kernels<double>() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512::of_double;
  if (__builtin_cpu_supports("avx2")) return avx2::of_double;
#endif
  return generic::of_double;
}

}  // namespace assay::detail
