// SPDX-License-Identifier: Apache-2.0
// The parts of a campaign's folder, which tests exchange between moments.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace moments {

enum class Part { ledger, labels, picks, checkpoints };

inline bool belongs(const std::filesystem::path& file, Part part) {
  const std::string name = file.filename().string();
  switch (part) {
    case Part::ledger: return name.starts_with("ledger.sqlite");
    case Part::labels: return name.starts_with("round_");
    case Part::picks: return name.starts_with("picks_");
    case Part::checkpoints: return file.string().find("/checkpoints/") != std::string::npos;
  }
  return false;
}

/// From the campaign's folder on, in order.
inline std::vector<std::filesystem::path> files_of_part(const std::filesystem::path& dir, Part part) {
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::directory_entry& entry : std::filesystem::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file() && belongs(entry.path(), part))
      files.push_back(std::filesystem::relative(entry.path(), dir));
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline void remove_part(const std::filesystem::path& dir, Part part) {
  for (const std::filesystem::path& file : files_of_part(dir, part)) std::filesystem::remove(dir / file);
  if (part == Part::checkpoints) std::filesystem::remove_all(dir / "checkpoints");
}

/// Puts a part of a campaign as it was, or will be, at another moment.
inline void bring(const std::filesystem::path& dir, Part part, const std::filesystem::path& from) {
  remove_part(dir, part);
  for (const std::filesystem::path& file : files_of_part(from, part)) {
    std::filesystem::create_directories((dir / file).parent_path());
    std::filesystem::copy_file(from / file, dir / file);
  }
}

}  // namespace moments
