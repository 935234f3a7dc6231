// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../simulation_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <system_error>

namespace assay::detail {

/// Says on other hosts, which see no process here, that this runner lives: the time of a file, set by the file system.
class Heartbeat {
 public:
  /// Errors: `std::system_error`.
  explicit Heartbeat(const std::filesystem::path& directory)
      : fd_(::open((own_files(directory) / heartbeat_file).c_str(),
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "its heartbeat");
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  ~Heartbeat() { ::close(fd_); }

  /// To be called again and again. One that does not reach the disk is one that nobody there can see.
  void beat() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < heartbeat_period) return;
    last_ = now;
    ::futimens(fd_, nullptr);
  }

 private:
  int fd_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace assay::detail
