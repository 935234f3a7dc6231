// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "catch.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

/// Gives a file a time that lies so far behind the file system's present one.
inline void age(const std::filesystem::path& file, std::chrono::milliseconds by) {
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  const auto then = std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec) - by;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(then);
  const timespec at{seconds.count(), static_cast<long>((then - seconds).count())};
  const timespec times[2] = {at, at};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}
