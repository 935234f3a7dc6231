// SPDX-License-Identifier: Apache-2.0
#include "posterior.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace assay::detail {

template <class T>
torch::Tensor to_double(const T* rows, std::int64_t count, std::int64_t d) {
  return at::from_blob(const_cast<T*>(rows), {count, d}, torch::CppTypeToScalarType<T>::value).to(torch::kFloat64);
}

template <class T>
torch::Tensor posterior_root(Run<T>& run, double sigma) {
  if (run.known.empty()) return {};
  const std::int64_t d = run.d();
  // Orthogonal triangles instead of Φᵀ Φ: squaring would lose the small singular values that matter here.
  torch::Tensor triangle = at::zeros({0, d}, torch::kFloat64);
  for (const FeatureMatrix& matrix : run.known) {
    in_pieces(run, matrix, [&](const torch::Tensor& rows, std::int64_t) {
      triangle = at::cat({triangle, rows});
      if (triangle.size(0) > 2 * d) triangle = std::get<1>(at::linalg_qr(triangle, "r"));
    });
  }
  if (triangle.size(0) > d) triangle = std::get<1>(at::linalg_qr(triangle, "r"));
  const auto [u, singular, vh] = at::linalg_svd(triangle, true);
  torch::Tensor root = vh.t().contiguous();
  const double* s = singular.template const_data_ptr<double>();
  for (std::int64_t k = 0; k < singular.size(0); ++k) {
    const double scale = sigma > 0 ? sigma / std::hypot(s[k], sigma) : (s[k] > 1e-10 * s[0] ? 0.0 : 1.0);
    root.select(1, k).mul_(scale);
  }
  return root;
}

template torch::Tensor to_double<float>(const float*, std::int64_t, std::int64_t);
template torch::Tensor to_double<double>(const double*, std::int64_t, std::int64_t);
template torch::Tensor posterior_root<float>(Run<float>&, double);
template torch::Tensor posterior_root<double>(Run<double>&, double);

}  // namespace assay::detail
