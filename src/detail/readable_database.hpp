// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <mutex>

// How a database is looked at without changing anything: no journal is rolled back, no log read in, no file made.

namespace assay::detail {

/// What is to be opened to read `file`: the file itself where its locks say that this does nothing to it, else a
/// private copy of what it holds (on storage that several hosts share; with a journal or log whose writer is gone;
/// where nothing can be written beside it). The copy is removed with this object.
class ReadableDatabase {
 public:
  /// Errors: as `copy_database`; `CheckpointError` `assay.file` where the folder for temporary files cannot be used.
  explicit ReadableDatabase(const std::filesystem::path& file);
  ReadableDatabase(const ReadableDatabase&) = delete;
  ReadableDatabase& operator=(const ReadableDatabase&) = delete;
  ~ReadableDatabase();

  const std::filesystem::path& path() const noexcept { return path_; }
  bool is_copy() const noexcept { return !folder_.empty(); }

 private:
  std::filesystem::path path_, folder_;
};

/// Says, while it lives, that this process has a database open. Closing any descriptor of a file drops all locks that
/// the process has on it: a file that is open here is never copied, but read through SQLite, which knows of its own
/// locks.
class OpenDatabase {
 public:
  explicit OpenDatabase(const std::filesystem::path& file);
  OpenDatabase(const OpenDatabase&) = delete;
  OpenDatabase& operator=(const OpenDatabase&) = delete;
  ~OpenDatabase();

 private:
  std::filesystem::path file_;
};

/// To be held while a database is opened or copied.
std::recursive_mutex& opening_of_databases();

}  // namespace assay::detail
