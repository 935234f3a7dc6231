// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <string_view>

namespace assay::detail {

/// Name of a dtype in a safetensors file; nullptr for one that the format lacks.
const char* safetensors_dtype(torch::Dtype dtype);
/// The inverse, for a name that a checked header holds.
torch::Dtype dtype_of_safetensors(std::string_view name);

}  // namespace assay::detail
