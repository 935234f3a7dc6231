// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <ATen/ops/cat.h>

#include <string>
#include <vector>

/// Fields of a batch side by side, as a surrogate takes and gives them: a row for each sample.
inline torch::Tensor flat(const assay::Values& batch, const std::vector<std::string>& fields) {
  std::vector<torch::Tensor> columns;
  for (const std::string& name : fields)
    columns.push_back(batch[name].to(torch::kFloat64).reshape({batch[name].size(0), -1}));
  return at::cat(columns, 1).contiguous();
}
