// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace assay::detail {

/// Sixteen digits that tell the bytes of one file from those of another, where no stranger is to be kept out. (FNV-1a
/// of 64 bits: Fowler, Noll and Vo.)
inline std::string bytes_tag(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace assay::detail
