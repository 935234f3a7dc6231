// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace assay::detail {

/// Reads labels from files that a program wrote, each from its `output_place`. Numbers become float64, but for
/// floating-point ones of `.npy` files, which stay as they are. What stands several times in a text is read where it
/// stands last.
/// Errors: `LabelError` `assay.label.output` for a file that is not there, no regular file, larger than `limit` bytes,
/// or without the field, and for arrays that are ragged or hold anything but numbers; `DataError` `assay.npy`,
/// `assay.csv`, `assay.table.column` and `assay.table.cells`, and `ConfigError` `assay.json.syntax`, for what is none
/// of these.
Values read_output_files(const std::filesystem::path& directory, const std::map<std::string, std::string>& outputs,
                         std::int64_t limit);

}  // namespace assay::detail
