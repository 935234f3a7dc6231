// SPDX-License-Identifier: Apache-2.0
// The C library's file functions, defined in the test executable: what they do is told to the model, or fails.
// The fortified headers define some of them inline.
#undef _FORTIFY_SOURCE
#include "disk.hpp"
#include "disk_model.hpp"
#include "next_function.hpp"

#include <sys/uio.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>

namespace disk {

namespace {

static_assert(sizeof(off_t) == 8, "open and open64 are taken for one");

template <class Function>
using Next = NextFunction<Function>;

constinit Next<int(int, const char*, int, ...)> next_openat("openat");
constinit Next<std::FILE*(const char*, const char*)> next_fopen("fopen");
constinit Next<ssize_t(int, const void*, std::size_t)> next_write("write");
constinit Next<ssize_t(int, const void*, std::size_t, off_t)> next_pwrite("pwrite");
constinit Next<ssize_t(int, const iovec*, int)> next_writev("writev");
constinit Next<int(int, off_t)> next_ftruncate("ftruncate");
constinit Next<int(const char*, off_t)> next_truncate("truncate");
constinit Next<int(int)> next_fsync("fsync");
constinit Next<int(int)> next_fdatasync("fdatasync");
constinit Next<int(int, const char*, int, const char*)> next_renameat("renameat");
constinit Next<int(int, const char*, int, const char*, int)> next_linkat("linkat");
constinit Next<int(int, const char*, mode_t)> next_mkdirat("mkdirat");
constinit Next<int(int, const char*, int)> next_unlinkat("unlinkat");
constinit Next<int(const char*)> next_remove("remove");
constinit Next<int(int, int, off_t, off_t)> next_fallocate("fallocate");
constinit Next<int(int, off_t, off_t)> next_posix_fallocate("posix_fallocate");
constinit Next<ssize_t(int, int, off_t*, std::size_t)> next_sendfile("sendfile");
constinit Next<ssize_t(int, off_t*, int, off_t*, std::size_t, unsigned)> next_copy_file_range("copy_file_range");

bool begins(const std::string& what) { return begin(what) == Fate::goes_on; }

Node* find(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? model().find(status) : nullptr;
}
Node* find_file(int fd) {
  Node* node = find(fd);
  return node && !node->directory ? node : nullptr;
}

/// A path, by the folder that it leads to, if that is watched.
struct Place {
  Place(int dirfd, const char* path) : there(::fstatat(dirfd, path, &status, AT_SYMLINK_NOFOLLOW) == 0) {
    std::string text(path);
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    const std::size_t slash = text.rfind('/');
    name = text.substr(slash == std::string::npos ? 0 : slash + 1);
    const std::string parent = slash == std::string::npos ? "." : text.substr(0, slash + 1);
    struct stat folder {};
    if (name.empty() || name == "." || name == ".." || ::fstatat(dirfd, parent.c_str(), &folder, 0) != 0) return;
    directory = model().find(folder);
  }
  Node* node() const { return there ? model().find(status) : nullptr; }
  std::string label() const { return directory ? model().label(*directory, name) : name; }

  struct stat status {};
  bool there;
  std::string name;
  Node* directory = nullptr;
};

constexpr int as_creat = O_WRONLY | O_CREAT | O_TRUNC;

int open_at(int dirfd, const char* path, int flags, mode_t mode) {
  // Without a lock that other threads wait for: a pipe may open only when they go on.
  if (!watching() || !(flags & (O_CREAT | O_TRUNC))) return next_openat(dirfd, path, flags, mode);
  std::optional<Held> held(std::in_place);
  const Place place(dirfd, path);
  const bool makes = !place.there && (flags & O_CREAT), empties = place.node() && (flags & O_TRUNC);
  if (!place.directory || !(makes || empties) || (place.there && (flags & O_CREAT) && (flags & O_EXCL))) {
    held.reset();
    return next_openat(dirfd, path, flags, mode);
  }
  if (!begins((makes ? "create " : "truncate ") + place.label())) return -1;
  const int fd = next_openat(dirfd, path, flags, mode);
  if (fd >= 0 && makes) model().made(*place.directory, place.name, dirfd, path);
  if (fd >= 0 && empties) model().edited(*place.node(), {true, 0, ""});
  return fd;
}

std::FILE* open_stream(const char* path, const char* mode) {
  const std::string_view how(mode);
  if (!watching() || how.empty() || how[0] == 'r') return next_fopen(path, mode);
  int flags = O_CREAT | (how[0] == 'w' ? O_TRUNC : O_APPEND);
  flags |= how.find('+') == std::string_view::npos ? O_WRONLY : O_RDWR;
  if (how.find('x') != std::string_view::npos) flags |= O_EXCL;
  if (how.find('e') != std::string_view::npos) flags |= O_CLOEXEC;
  const int fd = open_at(AT_FDCWD, path, flags, 0666);
  return fd < 0 ? nullptr : ::fdopen(fd, mode);
}

/// Writes where the descriptor stands, or at `*offset`. Nothing if the descriptor is not of a watched file.
std::optional<ssize_t> write_watched(const char* how, int fd, std::string_view bytes, const off_t* offset) {
  if (!watching()) return std::nullopt;
  const Held held;
  Node* file = find_file(fd);
  if (!file || bytes.empty()) return std::nullopt;
  const std::string what = std::string(how) + " " + model().label(*file) + " " + std::to_string(bytes.size());
  const Fate fate = begin(what, file, bytes.size());
  if (fate == Fate::fails) return -1;
  if (fate == Fate::halved) bytes = bytes.substr(0, bytes.size() / 2);
  struct stat status {};
  const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) && ::fstat(fd, &status) == 0;
  const off_t at = appends ? status.st_size : offset ? *offset : ::lseek(fd, 0, SEEK_CUR);
  const ssize_t written = offset ? next_pwrite(fd, bytes.data(), bytes.size(), *offset)
                                 : next_write(fd, bytes.data(), bytes.size());
  if (written > 0) {
    const auto size = static_cast<std::size_t>(written);
    model().edited(*file, {false, static_cast<std::size_t>(at), std::string(bytes.substr(0, size))});
  }
  return written;
}

ssize_t write_some(int fd, const void* data, std::size_t size) {
  const auto written = write_watched("write", fd, {static_cast<const char*>(data), size}, nullptr);
  return written ? *written : next_write(fd, data, size);
}
ssize_t write_at(int fd, const void* data, std::size_t size, off_t offset) {
  const auto written = write_watched("pwrite", fd, {static_cast<const char*>(data), size}, &offset);
  return written ? *written : next_pwrite(fd, data, size, offset);
}
ssize_t write_pieces(int fd, const iovec* pieces, int count) {
  std::string bytes;
  if (watching()) {
    for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  const auto written = write_watched("writev", fd, bytes, nullptr);
  return written ? *written : next_writev(fd, pieces, count);
}

template <class Perform>
int truncate_watched(const char* how, Node* file, off_t size, Perform perform) {
  if (!file || size < 0) return perform();
  if (!begins(std::string(how) + " " + model().label(*file) + " " + std::to_string(size))) return -1;
  const int result = perform();
  if (result == 0) model().edited(*file, {true, static_cast<std::size_t>(size), ""});
  return result;
}
int truncate_open(int fd, off_t size) {
  if (!watching()) return next_ftruncate(fd, size);
  const Held held;
  return truncate_watched("ftruncate", find_file(fd), size, [&] { return next_ftruncate(fd, size); });
}
int truncate_path(const char* path, off_t size) {
  if (!watching()) return next_truncate(path, size);
  const Held held;
  return truncate_watched("truncate", Place(AT_FDCWD, path).node(), size, [&] { return next_truncate(path, size); });
}

/// The real disk is spared the work: whether the bytes are on it makes no difference to an image.
int sync(const char* how, int fd, Next<int(int)>& next) {
  if (!watching()) return next(fd);
  std::optional<Held> held(std::in_place);
  Node* node = find(fd);
  if (!node) {
    held.reset();  // it may take long, and is none of ours
    return next(fd);
  }
  if (!begins(std::string(how) + " " + model().label(*node))) return -1;
  model().synced(*node);
  return 0;
}

int rename_at(int from_fd, const char* from, int to_fd, const char* to) {
  if (!watching()) return next_renameat(from_fd, from, to_fd, to);
  const Held held;
  const Place source(from_fd, from), target(to_fd, to);
  Node* node = source.node();
  const bool same = source.there && target.there && source.status.st_ino == target.status.st_ino;
  if (!source.there || same || (!source.directory && !target.directory)) {
    return next_renameat(from_fd, from, to_fd, to);
  }
  if (!source.directory || !target.directory || !node) {
    end_process(status_unmodelled, "a rename from " + std::string(from) + " to " + to + ", of which one is not known");
  }
  if (!begins("rename " + source.label() + " " + target.label())) return -1;
  const int result = next_renameat(from_fd, from, to_fd, to);
  if (result == 0) model().renamed(*node, *source.directory, source.name, *target.directory, target.name);
  return result;
}

int link_at(int from_fd, const char* from, int to_fd, const char* to, int flags) {
  if (!watching()) return next_linkat(from_fd, from, to_fd, to, flags);
  const Held held;
  const Place source(from_fd, from), target(to_fd, to);
  Node* node = source.node();
  if (!source.there || target.there || !target.directory) return next_linkat(from_fd, from, to_fd, to, flags);
  if (!node) end_process(status_unmodelled, "a link to " + std::string(from) + ", which is not known");
  if (!begins("link " + source.label() + " " + target.label())) return -1;
  const int result = next_linkat(from_fd, from, to_fd, to, flags);
  if (result == 0) model().linked(*node, *target.directory, target.name);
  return result;
}

int make_directory_at(int dirfd, const char* path, mode_t mode) {
  if (!watching()) return next_mkdirat(dirfd, path, mode);
  const Held held;
  const Place place(dirfd, path);
  if (!place.directory || place.there) return next_mkdirat(dirfd, path, mode);
  if (!begins("mkdir " + place.label())) return -1;
  const int result = next_mkdirat(dirfd, path, mode);
  if (result == 0) model().made(*place.directory, place.name, dirfd, path);
  return result;
}

int remove_at(int dirfd, const char* path, int flags) {
  if (!watching()) return next_unlinkat(dirfd, path, flags);
  const Held held;
  const Place place(dirfd, path);
  if (!place.directory || !place.node()) return next_unlinkat(dirfd, path, flags);
  if (!begins((flags & AT_REMOVEDIR ? "rmdir " : "unlink ") + place.label())) return -1;
  const int result = next_unlinkat(dirfd, path, flags);
  if (result == 0) model().removed(*place.directory, place.name);
  return result;
}
int remove_any(const char* path) {
  struct stat status {};
  if (!watching() || ::lstat(path, &status) != 0) return next_remove(path);
  return remove_at(AT_FDCWD, path, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
}

/// For calls that have a fallback everywhere: refused for a watched file, and the caller writes.
bool refuses(int fd) {
  if (!watching()) return false;
  const Held held;
  return find_file(fd) != nullptr;
}
int refusal(int error) {
  errno = error;
  return -1;
}
int allocate(int fd, int mode, off_t at, off_t size) {
  return refuses(fd) ? refusal(EOPNOTSUPP) : next_fallocate(fd, mode, at, size);
}
int allocate_posix(int fd, off_t at, off_t size) { return refuses(fd) ? EINVAL : next_posix_fallocate(fd, at, size); }
ssize_t send_file(int out, int in, off_t* at, std::size_t size) {
  return refuses(out) ? refusal(EINVAL) : next_sendfile(out, in, at, size);
}
ssize_t copy_range(int in, off_t* in_at, int out, off_t* out_at, std::size_t size, unsigned flags) {
  return refuses(out) ? refusal(EINVAL) : next_copy_file_range(in, in_at, out, out_at, size, flags);
}

}  // namespace

}  // namespace disk

// Defined under other names in this file, since the C library's headers declare them with attributes of their own. The
// mode is a plain last parameter of those that take it after dots: that is the same register, unset where it is unused.
#define DISK_DEFINES(result, name, ...)                                                                   \
  extern "C" __attribute__((visibility("default"), used)) result disk_##name(__VA_ARGS__) __asm__(#name); \
  result disk_##name(__VA_ARGS__)

DISK_DEFINES(int, open, const char* path, int flags, mode_t mode) { return disk::open_at(AT_FDCWD, path, flags, mode); }
DISK_DEFINES(int, open64, const char* path, int flags, mode_t mode) {
  return disk::open_at(AT_FDCWD, path, flags, mode);
}
DISK_DEFINES(int, openat, int at, const char* path, int flags, mode_t mode) {
  return disk::open_at(at, path, flags, mode);
}
DISK_DEFINES(int, openat64, int at, const char* path, int flags, mode_t mode) {
  return disk::open_at(at, path, flags, mode);
}
DISK_DEFINES(int, __open_2, const char* path, int flags) { return disk::open_at(AT_FDCWD, path, flags, 0); }
DISK_DEFINES(int, __open64_2, const char* path, int flags) { return disk::open_at(AT_FDCWD, path, flags, 0); }
DISK_DEFINES(int, creat, const char* path, mode_t mode) { return disk::open_at(AT_FDCWD, path, disk::as_creat, mode); }
DISK_DEFINES(int, creat64, const char* path, mode_t mode) {
  return disk::open_at(AT_FDCWD, path, disk::as_creat, mode);
}
DISK_DEFINES(std::FILE*, fopen, const char* path, const char* mode) { return disk::open_stream(path, mode); }
DISK_DEFINES(std::FILE*, fopen64, const char* path, const char* mode) { return disk::open_stream(path, mode); }
DISK_DEFINES(ssize_t, write, int fd, const void* data, std::size_t size) { return disk::write_some(fd, data, size); }
DISK_DEFINES(ssize_t, pwrite, int fd, const void* data, std::size_t size, off_t at) {
  return disk::write_at(fd, data, size, at);
}
DISK_DEFINES(ssize_t, pwrite64, int fd, const void* data, std::size_t size, off_t at) {
  return disk::write_at(fd, data, size, at);
}
DISK_DEFINES(ssize_t, writev, int fd, const iovec* pieces, int count) { return disk::write_pieces(fd, pieces, count); }
DISK_DEFINES(int, ftruncate, int fd, off_t size) { return disk::truncate_open(fd, size); }
DISK_DEFINES(int, ftruncate64, int fd, off_t size) { return disk::truncate_open(fd, size); }
DISK_DEFINES(int, truncate, const char* path, off_t size) { return disk::truncate_path(path, size); }
DISK_DEFINES(int, truncate64, const char* path, off_t size) { return disk::truncate_path(path, size); }
DISK_DEFINES(int, fsync, int fd) { return disk::sync("fsync", fd, disk::next_fsync); }
DISK_DEFINES(int, fdatasync, int fd) { return disk::sync("fdatasync", fd, disk::next_fdatasync); }
DISK_DEFINES(int, rename, const char* from, const char* to) { return disk::rename_at(AT_FDCWD, from, AT_FDCWD, to); }
DISK_DEFINES(int, renameat, int from_fd, const char* from, int to_fd, const char* to) {
  return disk::rename_at(from_fd, from, to_fd, to);
}
DISK_DEFINES(int, link, const char* from, const char* to) { return disk::link_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
DISK_DEFINES(int, linkat, int from_fd, const char* from, int to_fd, const char* to, int flags) {
  return disk::link_at(from_fd, from, to_fd, to, flags);
}
DISK_DEFINES(int, mkdir, const char* path, mode_t mode) { return disk::make_directory_at(AT_FDCWD, path, mode); }
DISK_DEFINES(int, mkdirat, int at, const char* path, mode_t mode) { return disk::make_directory_at(at, path, mode); }
DISK_DEFINES(int, unlink, const char* path) { return disk::remove_at(AT_FDCWD, path, 0); }
DISK_DEFINES(int, unlinkat, int at, const char* path, int flags) { return disk::remove_at(at, path, flags); }
DISK_DEFINES(int, rmdir, const char* path) { return disk::remove_at(AT_FDCWD, path, AT_REMOVEDIR); }
DISK_DEFINES(int, remove, const char* path) { return disk::remove_any(path); }
DISK_DEFINES(int, fallocate, int fd, int mode, off_t at, off_t size) { return disk::allocate(fd, mode, at, size); }
DISK_DEFINES(int, fallocate64, int fd, int mode, off_t at, off_t size) { return disk::allocate(fd, mode, at, size); }
DISK_DEFINES(int, posix_fallocate, int fd, off_t at, off_t size) { return disk::allocate_posix(fd, at, size); }
DISK_DEFINES(int, posix_fallocate64, int fd, off_t at, off_t size) { return disk::allocate_posix(fd, at, size); }
DISK_DEFINES(ssize_t, sendfile, int out, int in, off_t* at, std::size_t size) {
  return disk::send_file(out, in, at, size);
}
DISK_DEFINES(ssize_t, sendfile64, int out, int in, off_t* at, std::size_t size) {
  return disk::send_file(out, in, at, size);
}
DISK_DEFINES(ssize_t, copy_file_range, int in, off_t* in_at, int out, off_t* out_at, std::size_t size, unsigned flags) {
  return disk::copy_range(in, in_at, out, out_at, size, flags);
}
