// SPDX-License-Identifier: Apache-2.0
#include "process_marker.hpp"

#include "control_group.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string_view>
#include <thread>

extern char** environ;

namespace assay::detail {

namespace {

using namespace std::chrono_literals;

/// Whether an entry of an environment is the variable's.
bool is_variable(std::string_view entry) {
  return entry.starts_with(ProcessMarker::variable) && entry.substr(ProcessMarker::variable.size()).starts_with('=');
}

/// A file of /proc, or nothing: a process may end at any time, and those of others are not readable.
std::string read_proc(pid_t process, const char* name) {
  std::ifstream in("/proc/" + std::to_string(process) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool is_ours(pid_t process) {
  struct stat status {};
  return ::stat(("/proc/" + std::to_string(process)).c_str(), &status) == 0 && status.st_uid == ::geteuid();
}

/// One field of /proc/PID/stat behind the name, by its number in proc(5), from 3 on. Empty for a process that is gone.
std::string stat_field(pid_t process, int number) {
  const std::string stat = read_proc(process, "stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= number; ++i) fields >> field;
  return fields ? field : std::string();
}

/// Between two programs a process has no environment: it has an executable then, but no place for the environment.
bool in_exec(pid_t process) {
  constexpr int end_of_environment = 51;
  std::array<char, 8> target;
  return ::readlink(("/proc/" + std::to_string(process) + "/exe").c_str(), target.data(), target.size()) > 0 &&
         stat_field(process, end_of_environment) == "0";
}

/// Sends a signal to a process if `still` holds for the process that the signal will reach, and no later one of the
/// same number.
void send(pid_t process, int signal, const std::function<bool()>& still) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  const int error = errno;
  if (still()) {
    if (handle >= 0) {
      ::syscall(SYS_pidfd_send_signal, handle, signal, nullptr, 0);
    } else if (error == ENOSYS || error == EPERM) {
      ::kill(process, signal);  // a kernel before 5.3, or a container that forbids it
    }
  }
  if (handle >= 0) ::close(handle);
}

}  // namespace

std::vector<pid_t> all_processes() {
  std::vector<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    pid_t process = 0;
    const auto [last, wrong] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (wrong == std::errc() && last == name.data() + name.size()) found.push_back(process);
  }
  return found;
}

pid_t parent_of(pid_t process) {
  const std::string field = stat_field(process, 4);
  pid_t parent = 0;
  std::from_chars(field.data(), field.data() + field.size(), parent);
  return parent;
}

std::string ProcessMarker::new_mark() {
  static std::atomic<std::uint64_t> count{0};
  std::random_device random;
  const std::uint64_t bits = (std::uint64_t{random()} << 32) | random();
  return std::to_string(::getpid()) + "-" + std::to_string(++count) + "-" + std::to_string(bits);
}

std::vector<std::string> ProcessMarker::environment() const {
  std::vector<std::string> entries;
  std::string marks = std::string(variable) + "=";
  for (char** entry = environ; entry && *entry; ++entry) {
    if (is_variable(*entry)) {
      marks = std::string(*entry) + ":";
    } else {
      entries.emplace_back(*entry);
    }
  }
  entries.push_back(marks + mark_);
  return entries;
}

std::vector<std::string> ProcessMarker::marks_of(pid_t process) {
  std::string environment = read_proc(process, "environ");
  for (int i = 0; i < 200 && environment.empty() && in_exec(process); ++i) {
    std::this_thread::sleep_for(1ms);
    environment = read_proc(process, "environ");
  }
  std::vector<std::string> marks;
  for (std::string_view rest = environment; !rest.empty();) {
    std::string_view entry = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    if (!is_variable(entry)) continue;
    entry.remove_prefix(variable.size() + 1);
    while (!entry.empty()) {
      marks.emplace_back(entry.substr(0, entry.find(':')));
      entry.remove_prefix(std::min(marks.back().size() + 1, entry.size()));
    }
  }
  return marks;
}

bool ProcessMarker::is_on(pid_t process) const {
  const std::vector<std::string> marks = marks_of(process);
  return std::find(marks.begin(), marks.end(), mark_) != marks.end();
}

bool ProcessMarker::is_last_on(pid_t process) const {
  const std::vector<std::string> marks = marks_of(process);
  return !marks.empty() && marks.back() == mark_;
}

std::vector<pid_t> ProcessMarker::processes() const {
  std::vector<pid_t> found;
  for (const pid_t process : all_processes()) {
    if (process != ::getpid() && is_ours(process) && is_on(process)) found.push_back(process);
  }
  return found;
}

void ProcessMarker::signal(pid_t process, int signal) const {
  send(process, signal, [&] { return is_on(process); });
}

void ProcessMarker::kill_all() const {
  ControlGroup(mark_).end();
  // Again, for what forked meanwhile, and until the killed ones are gone.
  for (int pass = 0; pass < 300; ++pass) {
    const std::vector<pid_t> left = processes();
    if (left.empty()) return;
    for (const pid_t process : left) signal(process, SIGKILL);
    std::this_thread::sleep_for(std::min(1ms * (pass + 1), 20ms));
  }
}

}  // namespace assay::detail
