// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace assay::detail {

/// Reads labels from files that a program wrote: `FILE.json#/pointer` or `FILE.npy` for each field. Numbers become
/// float64, but for floating-point ones of `.npy` files, which stay as they are.
/// Errors: `LabelError` `assay.label.output` for a file that is not there, no regular file, larger than `limit` bytes,
/// or without the field, and for arrays that are ragged or hold anything but numbers; `DataError` `assay.npy` and
/// `ConfigError` `assay.json.syntax` for what is neither.
Values read_output_files(const std::filesystem::path& directory, const std::map<std::string, std::string>& outputs,
                         std::int64_t limit);

}  // namespace assay::detail
