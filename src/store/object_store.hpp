// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace assay::store {

/// Files named by the SHA-256 of their contents: written once, durably, never changed.
class ObjectStore {
 public:
  explicit ObjectStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Writes `bytes`, unless they are there. On the disk when it returns. \return their digest.
  std::string put(std::string_view bytes) const;
  /// Errors: `CheckpointError` `assay.object` for a file that is missing or does not match its name.
  std::string get(const std::string& digest) const;
  std::filesystem::path path_of(const std::string& digest) const;
  /// Digests of all objects, sorted.
  std::vector<std::string> all() const;

 private:
  std::filesystem::path folder_;
};

}  // namespace assay::store
