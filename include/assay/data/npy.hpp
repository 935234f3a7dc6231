// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace assay {

/// Reads a NumPy `.npy` file: little-endian numbers in C order, format versions 1 to 3.
/// Source: NumPy enhancement proposal 1, "A simple file format for NumPy arrays".
/// Errors: `DataError` `assay.npy`, naming the file and what is wrong.
torch::Tensor read_npy(const std::filesystem::path& file);
/// The same of a file's bytes. \param where names the source in messages.
torch::Tensor from_npy(std::string_view bytes, const std::filesystem::path& where);
/// A tensor as the bytes of such a file. Errors: `DataError` `assay.npy` for a dtype that NumPy lacks.
std::string to_npy(const torch::Tensor& tensor);
void write_npy(const std::filesystem::path& file, const torch::Tensor& tensor);

}  // namespace assay
