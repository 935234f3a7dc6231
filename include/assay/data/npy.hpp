// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <filesystem>

namespace assay {

/// Reads a NumPy `.npy` file: little-endian numbers in C order, format versions 1 to 3.
/// Source: NumPy enhancement proposal 1, "A simple file format for NumPy arrays".
/// Errors: `DataError` `assay.npy`, naming the file and what is wrong.
torch::Tensor read_npy(const std::filesystem::path& file);
void write_npy(const std::filesystem::path& file, const torch::Tensor& tensor);

}  // namespace assay
