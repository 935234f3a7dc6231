// SPDX-License-Identifier: Apache-2.0
#include "target_columns.hpp"

#include <ATen/ops/zeros_like.h>
#include <c10/util/accumulate.h>

namespace assay::detail {

std::vector<std::int64_t> columns_of_each(const Fields& fields) {
  std::vector<std::int64_t> columns;
  for (const Field& field : fields.schema()) columns.push_back(c10::multiply_integers(field.shape));
  return columns;
}

Standardizer fit_targets(const Fields& targets, const Values& samples) {
  return Standardizer::fit_targets(targets.flatten(samples), columns_of_each(targets));
}

torch::Tensor column_weights(const std::vector<TargetRule>& rules, const Fields& targets, const Standardizer& y) {
  const torch::Tensor varying = (y.scale > 0).to(torch::kFloat64);
  torch::Tensor weights = at::zeros_like(varying);
  std::int64_t first = 0;
  for (const Field& field : targets.schema()) {
    const std::int64_t count = c10::multiply_integers(field.shape);
    const torch::Tensor own = varying.narrow(0, first, count);
    const auto varies = static_cast<std::int64_t>(own.sum().item<double>());
    if (varies > 0) weights.narrow(0, first, count).copy_(own * component_weight(rules, field.name, varies));
    first += count;
  }
  if (weights.eq(weights[0]).all().item<bool>()) return {};
  return weights / weights.mean();
}

Json constant_so_far(const Fields& targets, const Standardizer& y) {
  Json constant = Json::object();
  const torch::Tensor scale = y.scale.contiguous();
  const double* next = scale.const_data_ptr<double>();
  for (const Field& field : targets.schema()) {
    Json positions = Json::array();
    for (std::int64_t i = 0; i < c10::multiply_integers(field.shape); ++i) {
      if (*next++ == 0) positions.push_back(i);
    }
    if (!positions.empty()) constant[field.name] = std::move(positions);
  }
  return constant;
}

}  // namespace assay::detail
