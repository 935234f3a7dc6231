// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/files.hpp>

#include <filesystem>
#include <map>
#include <string>

/// By name, from a directory on.
using FileContents = std::map<std::string, std::string>;

/// Names and bytes of all that is in a directory and below; a directory has none.
inline FileContents files_of(const std::filesystem::path& directory) {
  FileContents files;
  for (const std::filesystem::directory_entry& entry : std::filesystem::recursive_directory_iterator(directory)) {
    files[std::filesystem::relative(entry.path(), directory).string()] = entry.is_regular_file()
                                                                             ? assay::detail::read_file(entry.path())
                                                                             : std::string();
  }
  return files;
}
