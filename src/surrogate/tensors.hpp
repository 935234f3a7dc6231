// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../data/safetensors_header.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace assay::detail {

/// Errors: `CheckpointError` `assay.surrogate.file`, always.
[[noreturn]] void refuse_surrogate(const std::string& where, std::string expected, std::string got);

/// The tensors of an exported learner, by name.
class SurrogateTensors {
 public:
  explicit SurrogateTensors(const std::filesystem::path& file);

  /// The whole file.
  const std::string& bytes() const { return bytes_; }
  const SafetensorsEntry& entry(const std::string& name) const;
  /// Of float or double. Errors: `CheckpointError` for another number of elements, or another dtype.
  template <class T>
  std::vector<T> read(const std::string& name, std::int64_t count) const;

 private:
  std::string file_, bytes_;
  std::size_t start_ = 0;
  std::map<std::string, SafetensorsEntry> entries_;
};

}  // namespace assay::detail
