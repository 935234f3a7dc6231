// SPDX-License-Identifier: Apache-2.0
#include "readable_database.hpp"

#include "database_copy.hpp"

#include <assay/detail/file_system.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

/// Databases by the path they were opened by, resolved.
std::map<fs::path, int>& open_here() {
  static std::map<fs::path, int> files;
  return files;
}

fs::path resolved(const fs::path& file) {
  std::error_code none;
  const fs::path place = fs::weakly_canonical(fs::absolute(file), none);
  return none ? file : place;
}

/// Whether another process has a lock on some of these bytes.
bool locked_elsewhere(int descriptor, off_t at, off_t bytes) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = bytes;
  return ::fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/// Whether there is a journal that SQLite would roll back, or something else in its place. One that stays behind a
/// commit begins with zeros.
bool may_be_rolled_back(const fs::path& journal) {
  struct stat status {};
  if (::lstat(journal.c_str(), &status) != 0 || (S_ISREG(status.st_mode) && status.st_size == 0)) return false;
  const int descriptor = ::open(journal.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  char first = 1;
  const bool read = descriptor >= 0 && ::pread(descriptor, &first, 1, 0) == 1;
  if (descriptor >= 0) ::close(descriptor);
  return !read || first != 0;
}

/// Whether SQLite reads the file and does nothing else to it or beside it. Places of locks and of the journal's kind
/// are those of SQLite's file format.
bool reads_only(const fs::path& file) {
  constexpr off_t reserved = 0x40000001, shared = 0x40000002, shared_bytes = 510, kind_at = 18;
  if (storage_of(file, Storage::automatic) == Storage::shared) return false;
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return true;  // that it cannot be opened is SQLite's to say
  std::array<char, 2> kind{};
  const bool read = ::pread(descriptor, kind.data(), kind.size(), kind_at) == static_cast<ssize_t>(kind.size());
  const bool in_use = locked_elsewhere(descriptor, shared, shared_bytes);
  const bool writing = locked_elsewhere(descriptor, reserved, 1);
  ::close(descriptor);
  if (!read) return true;
  if (kind[0] != 2) return writing || !may_be_rolled_back(file.string() + "-journal");
  // With a write-ahead log even a reader needs shared memory, in a file: one that is there already.
  return in_use && ::access((file.string() + "-shm").c_str(), R_OK | W_OK) == 0 &&
         ::access((file.string() + "-wal").c_str(), R_OK) == 0;
}

}  // namespace

std::recursive_mutex& opening_of_databases() {
  static std::recursive_mutex mutex;
  return mutex;
}

OpenDatabase::OpenDatabase(const fs::path& file) : file_(resolved(file)) {
  const std::lock_guard lock(opening_of_databases());
  ++open_here()[file_];
}

OpenDatabase::~OpenDatabase() {
  const std::lock_guard lock(opening_of_databases());
  const auto found = open_here().find(file_);
  if (--found->second == 0) open_here().erase(found);
}

ReadableDatabase::ReadableDatabase(const fs::path& file) : path_(file) {
  const std::lock_guard lock(opening_of_databases());
  if (open_here().contains(resolved(file)) || reads_only(file)) return;
  std::error_code error;
  const fs::path place = fs::temp_directory_path(error);
  std::string name = (place / "assay.XXXXXX").string();
  if (error || !::mkdtemp(name.data())) {
    throw CheckpointError({"assay.file", place.string(), "a folder for temporary files", std::strerror(errno),
                           "set TMPDIR to a folder that can be written to"});
  }
  folder_ = name;
  path_ = folder_ / "copy.sqlite";
  try {
    copy_database(file, path_, storage_of(file, Storage::automatic) == Storage::shared);
  } catch (...) {
    std::error_code none;  // the error that led here is on its way to the caller
    fs::remove_all(folder_, none);
    throw;
  }
}

ReadableDatabase::~ReadableDatabase() {
  std::error_code none;  // a copy that stays in the folder for temporary files
  if (is_copy()) fs::remove_all(folder_, none);
}

}  // namespace assay::detail
