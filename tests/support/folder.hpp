// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace temporary {

/// In memory if possible: for tests of thousands of files that say nothing about the real disk.
inline std::filesystem::path memory() {
  const std::filesystem::path place = "/dev/shm";
  return std::filesystem::exists(place) ? place : std::filesystem::temp_directory_path();
}

/// A folder that goes away with all that is in it.
class Folder {
 public:
  explicit Folder(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    std::string name = (parent / "assay_test_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// One in memory if possible.
class MemoryFolder : public Folder {
 public:
  MemoryFolder() : Folder(memory()) {}
};

}  // namespace temporary
