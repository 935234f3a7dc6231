// SPDX-License-Identifier: Apache-2.0
#include "database_copy.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t block = std::size_t{1} << 20;
constexpr std::chrono::seconds patience{30};

[[noreturn]] void copy_failed(const fs::path& file, const char* what, int error) {
  throw CheckpointError({"assay.file", file.string(), std::string("to ") + what, std::strerror(error), ""});
}

struct Freed {
  void operator()(char* memory) const { std::free(memory); }
};

/// Gives a file's bytes block by block. \return false if it is not there, or goes away meanwhile.
bool each_block(const fs::path& file, bool around_cache, const std::function<bool(std::string_view)>& use) {
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int descriptor = ::open(file.c_str(), flags | (around_cache ? O_DIRECT : 0));
  if (descriptor < 0 && errno == EINVAL && around_cache) descriptor = ::open(file.c_str(), flags);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ESTALE) return false;
    copy_failed(file, "open it", errno);
  }
  const std::unique_ptr<const int, void (*)(const int*)> closing(&descriptor, [](const int* open) { ::close(*open); });
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) copy_failed(file, "read it", errno);
  if (!S_ISREG(status.st_mode)) copy_failed(file, "read it", ENOTSUP);
  const std::unique_ptr<char, Freed> memory(static_cast<char*>(std::aligned_alloc(4096, block)));
  if (!memory) throw std::bad_alloc();
  off_t at = 0;
  while (true) {
    const ssize_t count = ::pread(descriptor, memory.get(), block, at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ESTALE) return false;
    if (count < 0) copy_failed(file, "read it", errno);
    if (count == 0) return true;
    if (!use({memory.get(), static_cast<std::size_t>(count)})) return true;
    at += count;
    if (count % 4096 != 0) return true;  // the end; a direct read could not go on from here
  }
}

class Target {
 public:
  struct Kept {};
  /// An empty file.
  explicit Target(const fs::path& file) : Target(file, O_CREAT | O_TRUNC) {}
  /// One that was copied before.
  Target(const fs::path& file, Kept) : Target(file, 0) {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) copy_failed(file_, "read its size", errno);
    size_ = status.st_size;
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  ~Target() { ::close(descriptor_); }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), size_);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) copy_failed(file_, "write to it", errno);
      size_ += written;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  /// Whether these bytes stand in it at `at`.
  bool same(std::string_view bytes, off_t at) const {
    std::string there(bytes.size(), '\0');
    return ::pread(descriptor_, there.data(), there.size(), at) == static_cast<ssize_t>(bytes.size()) && there == bytes;
  }
  off_t size() const noexcept { return size_; }

 private:
  Target(const fs::path& file, int flags)
      : file_(file), descriptor_(::open(file.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0644)) {
    if (descriptor_ < 0) copy_failed(file_, "open it", errno);
  }

  const fs::path& file_;
  int descriptor_;
  off_t size_ = 0;
};

/// \return whether there was such a file.
bool copy(const fs::path& file, const fs::path& target, bool around_cache) {
  Target copied(target);
  return each_block(file, around_cache, [&](std::string_view bytes) {
    copied.write(bytes);
    return true;
  });
}

/// Whether `copied` still is what stands in `file`; nothing there is as good as an empty file.
bool unchanged(const fs::path& file, const fs::path& copied, bool around_cache) {
  const Target target(copied, Target::Kept());
  off_t at = 0;
  bool same = true;
  each_block(file, around_cache, [&](std::string_view bytes) {
    same = target.same(bytes, at);
    at += static_cast<off_t>(bytes.size());
    return same;
  });
  return same && at == target.size();
}

/// A host that looked for a file before it was made may remember that there is none, until it hears that the folder has
/// changed: opening the folder asks.
void ask_for_names(const fs::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) ::close(descriptor);
}

/// One try. \return whether there was a moment at which the files were as they were copied.
bool copy_once(const fs::path& file, const fs::path& target, bool around_cache) {
  const fs::path journal = file.string() + "-journal", log = file.string() + "-wal";
  const fs::path journal_copy = target.string() + "-journal", log_copy = target.string() + "-wal";
  // It may have been removed for a newer one; who asked looks again.
  if (!copy(file, target, around_cache)) copy_failed(file, "open it", ENOENT);
  ask_for_names(file.parent_path());
  copy(journal, journal_copy, around_cache);
  copy(log, log_copy, around_cache);
  // Both stood still between these two and those two. A log grows meanwhile, and what it holds of what the database
  // holds too is the same.
  if (!unchanged(file, target, around_cache) || !unchanged(journal, journal_copy, around_cache)) return false;
  for (const fs::path& beside : {journal_copy, log_copy}) {
    if (fs::file_size(beside) == 0) detail::remove_all(beside);
  }
  return true;
}

}  // namespace

void copy_database(const fs::path& file, const fs::path& target, bool around_cache) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (std::chrono::milliseconds pause{5}; !copy_once(file, target, around_cache);
       pause = std::min(2 * pause, std::chrono::milliseconds(500))) {
    if (std::chrono::steady_clock::now() > end) {
      throw CheckpointError(
          {"assay.ledger.busy", file.string(), "a ledger that stands still while it is read",
           "changes all the time for " + std::to_string(patience.count()) + " s",
           "try again, or look from the host that runs the campaign; status.json says how it stands"});
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace assay::detail
