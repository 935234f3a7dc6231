// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

std::atomic<std::int64_t> sync_nanoseconds{0};
thread_local std::int64_t own_sync_nanoseconds = 0;

[[noreturn]] void file_failed(const fs::path& path, std::string_view what, int error) {
  throw CheckpointError({.id = "assay.file",
                         .where = path.string(),
                         .expected = "to " + std::string(what),
                         .got = error == ELOOP ? "a symbolic link, which is not followed" : std::strerror(error),
                         .advice = error == ENOSPC ? "free some space; the campaign can then be resumed" : ""});
}

/// Never through a symbolic link: one that lies in a campaign directory from elsewhere could lead to any file. Without
/// waiting for what reads from a pipe: see `require_regular_file`.
constexpr int to_write = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;
/// A file that nobody else has: a name may lead to a file that has another name too.
constexpr int to_write_new = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

void require_regular_file(const fs::path& path, mode_t mode, std::string_view what) {
  if (S_ISREG(mode)) return;
  throw CheckpointError({.id = "assay.file.kind",
                         .where = path.string(),
                         .expected = "a regular file, to " + std::string(what),
                         .got = S_ISDIR(mode)    ? "a folder"
                                : S_ISFIFO(mode) ? "a pipe"
                                                 : "a device or socket",
                         .advice = "assay made none there: look where it comes from, and remove it"});
}

/// Whether a large file is hardly more than a hole: it takes none of the disk, and all of the memory.
bool is_hollow(int descriptor, off_t size) {
  constexpr off_t large = off_t{64} << 20, least_share = 64;
  constexpr int most_looks = 100'000;
  if (size < large) return false;
  off_t at = 0, data = 0;
  for (int look = 0; look < most_looks && at < size; ++look) {
    const off_t begin = ::lseek(descriptor, at, SEEK_DATA);
    if (begin < 0) break;  // the rest is a hole, or the file system knows of none
    const off_t end = ::lseek(descriptor, begin, SEEK_HOLE);
    if (end < 0) return false;
    data += end - begin;
    at = end;
  }
  ::lseek(descriptor, 0, SEEK_SET);
  return data < size / least_share;
}

class OpenFile {
 public:
  OpenFile(const fs::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0 && errno == EEXIST && (flags & O_EXCL) && ::unlink(path.c_str()) == 0) {
      fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0644);  // what a crash left, or a stranger
    }
    if (fd_ < 0) file_failed(path, "open it", errno);
    struct stat status {};
    if ((flags & O_CREAT) && ::fstat(fd_, &status) == 0 && !S_ISREG(status.st_mode)) {
      ::close(fd_);
      require_regular_file(path, status.st_mode, "write it");
    }
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(fd_); }

  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) file_failed(path_, "write " + std::to_string(bytes.size()) + " bytes to it", errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  /// All of a regular file: a pipe or a device might never end.
  std::string read(std::size_t most) const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) file_failed(path_, "read it", errno);
    require_regular_file(path_, status.st_mode, "read it");
    if (static_cast<std::uintmax_t>(status.st_size) > most) too_long(std::to_string(status.st_size) + " bytes", most);
    if (is_hollow(fd_, status.st_size)) too_long("a hole of " + std::to_string(status.st_size) + " bytes", most);
    std::string bytes;
    ssize_t count = 0;
    do {
      const std::size_t size = bytes.size();
      const std::size_t left = status.st_size > static_cast<off_t>(size) ? status.st_size - size : 0;
      bytes.resize(size + left + 1);  // the file may have grown, and those of /proc say that they are empty
      count = ::read(fd_, bytes.data() + size, left + 1);
      if (count < 0 && errno != EINTR) file_failed(path_, "read it", errno);
      bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(0, count)));
      if (bytes.size() > most) too_long("more", most);
    } while (count != 0);
    return bytes;
  }
  void sync() const {
    const auto began = std::chrono::steady_clock::now();
    if (::fsync(fd_) != 0) file_failed(path_, "sync it", errno);
    add_sync_seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  }

 private:
  [[noreturn]] void too_long(std::string got, std::size_t most) const {
    throw CheckpointError(
        {"assay.file.size", path_.string(),
         most == std::string::npos ? "a file with contents" : "at most " + std::to_string(most) + " bytes",
         std::move(got), ""});
  }

  const fs::path& path_;
  int fd_;
};

void sync_directory(const fs::path& directory) {
  const fs::path place = directory.empty() ? fs::path(".") : directory;
  OpenFile(place, O_RDONLY | O_DIRECTORY).sync();
}

}  // namespace

double sync_seconds() { return 1e-9 * static_cast<double>(sync_nanoseconds.load()); }
double own_sync_seconds() { return 1e-9 * static_cast<double>(own_sync_nanoseconds); }
void add_sync_seconds(double seconds) {
  const auto nanoseconds = static_cast<std::int64_t>(1e9 * seconds);
  sync_nanoseconds += nanoseconds;
  own_sync_nanoseconds += nanoseconds;
}

void make_directories_durably(const fs::path& directory) {
  if (directory.empty() || fs::is_directory(directory)) return;
  make_directories_durably(directory.parent_path());
  std::error_code error;
  fs::create_directory(directory, error);
  if (error) file_failed(directory, "make the directory", error.value());
  sync_directory(directory.parent_path());
}

void write_file_durably(const fs::path& file, std::string_view bytes) {
  const OpenFile out(file, to_write);
  out.write(bytes);
  out.sync();
}

void write_file(const fs::path& file, std::string_view bytes) {
  const fs::path temporary = file.string() + ".writing";
  OpenFile(temporary, to_write_new).write(bytes);
  std::error_code error;
  fs::rename(temporary, file, error);
  if (error) file_failed(file, "replace it", error.value());
}

void replace_durably(const fs::path& from, const fs::path& to) {
  OpenFile(from, O_RDONLY).sync();
  std::error_code error;
  fs::rename(from, to, error);
  if (error) file_failed(to, "replace it by " + from.string(), error.value());
  sync_directory(to.parent_path());
}

void replace_file_durably(const fs::path& file, std::string_view bytes) {
  const fs::path temporary = file.string() + ".writing";
  OpenFile(temporary, to_write_new).write(bytes);
  replace_durably(temporary, file);
}

void remove_all(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) file_failed(path, "remove it", error.value());
}

void rename_durably(const fs::path& from, const fs::path& to) {
  sync_directory(from);  // the entries of the folder that is renamed
  std::error_code error;
  fs::rename(from, to, error);
  if (error) file_failed(to, "rename " + from.string() + " to it", error.value());
  sync_directory(to.parent_path());
}

std::string read_file(const fs::path& file, std::size_t most) {
  return OpenFile(file, O_RDONLY | O_NONBLOCK).read(most);
}

std::string read_own_file(const fs::path& file, std::size_t most) {
  return OpenFile(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW).read(most);
}

void require_no_link(const fs::path& path) {
  std::error_code none;  // nothing there is no link
  if (!fs::is_symlink(fs::symlink_status(path, none))) return;
  throw CheckpointError({"assay.file.link", path.string(), "a file or folder of the campaign's own", "a symbolic link",
                         "replace it by what it leads to; the campaign directory itself may be a link"});
}

void require_regular(const fs::path& path) {
  require_no_link(path);
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) require_regular_file(path, status.st_mode, "read or write it");
}

AppendFile::AppendFile(const fs::path& file)
    : path_(file),
      descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) file_failed(file, "open it", errno);
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    require_regular_file(file, status.st_mode, "append to it");
  }
  const off_t size = ::lseek(descriptor_, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(descriptor_, &last, 1, size - 1) == 1 && last != '\n') append("");
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::append(std::string_view line) {
  std::string text(line);
  text += '\n';
  ssize_t written = 0;
  do {
    written = ::write(descriptor_, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written != static_cast<ssize_t>(text.size()))
    file_failed(path_, "append a line to it", written < 0 ? errno : ENOSPC);
}

}  // namespace assay::detail
