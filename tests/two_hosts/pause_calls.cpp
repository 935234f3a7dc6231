// SPDX-License-Identifier: Apache-2.0
// Preloaded into a writer: stops or kills the process before the n-th call that changes a file below a folder.
//   STEP_FOLDER=/mnt/x STEP_AT=12 STEP_SIGNAL=19
// Says "step N CALL PATH" on standard output first. Steps are counted over all threads but those that renew a lease.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<int> steps{0};

bool below_folder(const char* path) {
  static const char* folder = std::getenv("STEP_FOLDER");
  return folder && path && std::strncmp(path, folder, std::strlen(folder)) == 0;
}

void step(const char* call, const char* path) {
  static const int at = std::getenv("STEP_AT") ? std::atoi(std::getenv("STEP_AT")) : 0;
  static const int what = std::getenv("STEP_SIGNAL") ? std::atoi(std::getenv("STEP_SIGNAL")) : SIGSTOP;
  if (::syscall(SYS_gettid) != ::getpid() || !below_folder(path)) return;
  const int n = ++steps;
  if (n != at) return;
  char line[PATH_MAX + 64];
  const int length = std::snprintf(line, sizeof line, "step %d %s %s\n", n, call, path);
  ::syscall(SYS_write, 1, line, static_cast<std::size_t>(length));
  ::kill(::getpid(), what);
}

void step(const char* call, int descriptor) {
  char link[64], path[PATH_MAX] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  if (::readlink(link, path, sizeof path - 1) > 0) step(call, path);
}

template <class Function>
Function next(const char* name, Function) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

#define NEXT(name) static const auto real = next(#name, &::name)

extern "C" {

int open(const char* path, int flags, ...) {
  NEXT(open);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (flags & O_CREAT) step("open", path);
  return real(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  NEXT(open64);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (flags & O_CREAT) step("open", path);
  return real(path, flags, mode);
}
ssize_t write(int descriptor, const void* bytes, size_t count) {
  NEXT(write);
  step("write", descriptor);
  return real(descriptor, bytes, count);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t at) {
  NEXT(pwrite);
  step("pwrite", descriptor);
  return real(descriptor, bytes, count, at);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t at) {
  NEXT(pwrite64);
  step("pwrite", descriptor);
  return real(descriptor, bytes, count, at);
}
int fsync(int descriptor) {
  NEXT(fsync);
  step("fsync", descriptor);
  return real(descriptor);
}
int fdatasync(int descriptor) {
  NEXT(fdatasync);
  step("fdatasync", descriptor);
  return real(descriptor);
}
int ftruncate(int descriptor, off_t size) {
  NEXT(ftruncate);
  step("ftruncate", descriptor);
  return real(descriptor, size);
}
int ftruncate64(int descriptor, off64_t size) {
  NEXT(ftruncate64);
  step("ftruncate", descriptor);
  return real(descriptor, size);
}
int link(const char* from, const char* to) noexcept {
  NEXT(link);
  step("link", to);
  return real(from, to);
}
int rename(const char* from, const char* to) noexcept {
  NEXT(rename);
  step("rename", to);
  return real(from, to);
}
int unlink(const char* path) noexcept {
  NEXT(unlink);
  step("unlink", path);
  return real(path);
}
int utimensat(int folder, const char* path, const timespec* times, int flags) noexcept {
  NEXT(utimensat);
  step("utimensat", path);
  return real(folder, path, times, flags);
}
}
