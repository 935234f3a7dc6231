// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

// Files with the guarantees a campaign needs. All errors are `CheckpointError` `assay.file`, naming path and cause.
// Nothing is written through a symbolic link, a pipe or a device in place of the file: it would lead wherever its maker
// wants, or never end. What lies where a temporary file is to be made is replaced, whatever it is.

namespace assay::detail {

/// Makes a directory and its parents, and syncs what it made.
void make_directories_durably(const std::filesystem::path& directory);
/// Writes a file and syncs its contents (not its directory).
void write_file_durably(const std::filesystem::path& file, std::string_view bytes);
/// Writes a file under a temporary name and renames it: readers see the old or the new one. Not synced.
void write_file(const std::filesystem::path& file, std::string_view bytes);
/// The same, synced with its directory: after a power cut there is the old file or the new one, whole.
void replace_file_durably(const std::filesystem::path& file, std::string_view bytes);
/// Syncs a file, renames it to `to`, and syncs the directory.
void replace_durably(const std::filesystem::path& from, const std::filesystem::path& to);
/// Removes a file or a folder with all that is in it; nothing there is as good.
void remove_all(const std::filesystem::path& path);
/// Renames and syncs the directory: after a power cut there is the old or the new name.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);
/// The contents of a regular file: a pipe or a device is refused, and a large file that is hardly more than a hole.
/// \param most bytes; a longer one is refused before it is read.
std::string read_file(const std::filesystem::path& file, std::size_t most = std::string::npos);
/// The same for a file inside a campaign directory, which must be no symbolic link.
std::string read_own_file(const std::filesystem::path& file, std::size_t most = std::string::npos);
/// Throws `CheckpointError` `assay.file.link` for a symbolic link.
void require_no_link(const std::filesystem::path& path);
/// Throws `CheckpointError` `assay.file.link` or `assay.file.kind` for what is there and no regular file.
void require_regular(const std::filesystem::path& path);

/// A file that lines are appended to, each with one `write`, so that a kill leaves whole lines but for the last. A last
/// line that a kill cut short stays on a line of its own.
class AppendFile {
 public:
  explicit AppendFile(const std::filesystem::path& file);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();
  void append(std::string_view line);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Seconds this process has spent in waiting for the disk to sync.
double sync_seconds();
/// Of these, those that the calling thread has waited itself.
double own_sync_seconds();
/// Adds to them, for syncs that happen elsewhere (the ledger's commits).
void add_sync_seconds(double seconds);

}  // namespace assay::detail
