// SPDX-License-Identifier: Apache-2.0
#include <assay/any/any_transform.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/transform/log_transform.hpp>
#include <assay/transform/standardise.hpp>

#include <ATen/ops/zeros_like.h>

namespace assay {

torch::Tensor detail::spread(const std::function<torch::Tensor(const torch::Tensor&)>& invert,
                             const torch::Tensor& mean, const torch::Tensor& variance) {
  const torch::Tensor deviation = variance.sqrt();
  torch::Tensor sum;
  for (std::int64_t j = 0; j < mean.size(1); ++j) {
    torch::Tensor step = at::zeros_like(mean);
    step.select(1, j).copy_(deviation.select(1, j));
    const torch::Tensor half = (invert(mean + step) - invert(mean - step)) / 2;
    sum = sum.defined() ? sum + half.square() : half.square();
  }
  return sum;
}

torch::Tensor LogTransform::apply(const torch::Tensor& values) const {
  const torch::Tensor raised = options.floor > 0 ? values.clamp_min(options.floor) : values;
  if (const torch::Tensor bad = raised.masked_select(raised <= 0); bad.numel() > 0) {
    throw DataError({"assay.transform.log", "labels", "numbers above zero", Json(bad[0].item<double>()).dump(),
                     "give 'floor', or learn this target as it is"});
  }
  return raised.log();
}

torch::Tensor LogTransform::variance(const torch::Tensor& mean, const torch::Tensor& variance) const {
  return variance.expm1() * (2 * mean + variance).exp();
}

State Standardise::save() const {
  State state;
  if (!scaler_.mean.defined()) return state;
  state.json["columns"] = scaler_.mean.size(0);
  scaler_.save(state.tensors, "scaler");
  return state;
}

void Standardise::load(const State& state) {
  scaler_ = {};
  if (!state.json.contains("columns")) return;
  scaler_ = Standardizer::load(state.tensors, "scaler", state.json.at("columns").get<std::int64_t>());
}

}  // namespace assay
