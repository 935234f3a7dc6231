// SPDX-License-Identifier: Apache-2.0
// A part of a test in a process of its own, which may end where it likes.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

namespace child {

/// The exit status of a fork that does this: 0, 1 if the task throws, 128 after a signal, or what it gave to _exit.
/// Catch's macros are not for the task: what they find would stay in the fork.
inline int run(const std::function<void()>& task) {
  const pid_t process = ::fork();
  if (process == 0) {
    int status = 0;
    try {
      task();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
      status = 1;
    }
    ::_exit(status);
  }
  int status = 0;
  if (process < 0 || ::waitpid(process, &status, 0) != process) return 128;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

inline void require(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error("not so: " + what);
}

}  // namespace child
