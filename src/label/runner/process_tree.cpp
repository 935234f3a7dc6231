// SPDX-License-Identifier: Apache-2.0
#include "process_tree.hpp"

#include "../process_marker.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace assay::detail {

namespace {

using namespace std::chrono_literals;

/// Children of this process, ended ones included, as one small file of /proc lists them; by a look at every process
/// where the kernel lacks that file. None of them can be another process meanwhile: their numbers are theirs until
/// they are reaped.
std::vector<pid_t> children() {
  std::vector<pid_t> found;
  const int fd = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    for (const pid_t process : all_processes()) {
      if (parent_of(process) == ::getpid()) found.push_back(process);
    }
    return found;
  }
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; (count = ::read(fd, buffer.data(), buffer.size())) > 0 || (count < 0 && errno == EINTR);)
    text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(0, count)));
  ::close(fd);
  for (const char *at = text.data(), *end = at + text.size(); at < end; ++at) {
    pid_t child = 0;
    const auto [last, wrong] = std::from_chars(at, end, child);
    if (wrong != std::errc()) break;
    found.push_back(child);
    at = last;
  }
  return found;
}

bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child;
}

void reap(pid_t child) {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG);
}

}  // namespace

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

void reap_adopted(pid_t program) {
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 && info.si_pid != program) {
    reap(info.si_pid);
    info = {};
  }
}

void kill_descendants(pid_t program) {
  std::vector<pid_t> before;
  auto changed = std::chrono::steady_clock::now();
  while (true) {
    std::vector<pid_t> left;
    for (const pid_t child : children()) {
      if (!has_ended(child)) {
        ::kill(child, SIGKILL);
        left.push_back(child);
      } else if (child != program) {
        reap(child);
      }
    }
    if (left.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    if (left != before) {  // what those killed leave behind is looked for at once
      before = std::move(left);
      changed = now;
    } else if (now - changed > 10s) {
      return;
    } else {
      std::this_thread::sleep_for(1ms);
    }
  }
}

}  // namespace assay::detail
