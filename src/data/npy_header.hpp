// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace assay::data {

/// What the header of a `.npy` file says.
struct NpyHeader {
  std::string_view descr;  ///< into the header's text
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Reads a header: a Python dictionary of a text, a truth and a tuple of whole numbers, and nothing else. Time that
/// grows with its length, no recursion: it may come from anywhere. \param header must outlive what is returned.
/// Errors: `DataError` `assay.npy`, naming the file.
NpyHeader read_npy_header(std::string_view header, const std::filesystem::path& file);

}  // namespace assay::data
