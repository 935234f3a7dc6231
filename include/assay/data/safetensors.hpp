// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace assay {

/// Tensors as the bytes of a safetensors file: a JSON header and raw data, nothing that could be run.
/// Source: the format as documented at https://huggingface.co/docs/safetensors.
/// Errors: `DataError` for a dtype the format lacks (complex numbers, quantised tensors), and for names and texts of
/// more than 16 MiB.
std::string to_safetensors(const Values& tensors, const std::map<std::string, std::string>& metadata = {});

/// The tensors in the bytes of a safetensors file, in the order of their data. Reads nothing that a hostile header
/// points at: every offset is checked, and a header is at most 16 MiB. \param where names the source in messages.
/// \param metadata receives the texts that the file carries beside its tensors. Errors: `CheckpointError`
/// `assay.safetensors`.
Values from_safetensors(std::span<const std::byte> bytes, std::string_view where,
                        std::map<std::string, std::string>* metadata = nullptr);

void write_safetensors(const std::filesystem::path& file, const Values& tensors,
                       const std::map<std::string, std::string>& metadata = {});
/// Maps the file into memory and copies the tensors out. Errors: `CheckpointError` `assay.file`, `assay.safetensors`.
Values read_safetensors(const std::filesystem::path& file);

}  // namespace assay
