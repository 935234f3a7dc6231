// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::detail {

/// The format allows headers of 100 MB; parsed, such a one takes gigabytes. This is enough for 100,000 tensors.
constexpr std::uint64_t longest_safetensors_header = std::uint64_t{16} << 20;

/// One tensor of a safetensors file, at [begin, end) of its data.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  ///< as the format names it: "F64"
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in the order of their data, which they cover without gaps or overlaps
  std::size_t data_start = 0;             ///< of the data, in the file
  std::map<std::string, std::string> metadata;
};

/// Reads and checks the header of a file of which `bytes` is the whole.
/// Errors: `CheckpointError` `assay.safetensors`.
SafetensorsHeader read_safetensors_header(std::span<const std::byte> bytes, std::string_view where);

}  // namespace assay::detail
