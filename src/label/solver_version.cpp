// SPDX-License-Identifier: Apache-2.0
#include "solver_version.hpp"

#include "../detail/spawn.hpp"
#include "valid_utf8.hpp"

#include <assay/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace assay::detail {

namespace {

constexpr std::size_t most_bytes = 1000;
constexpr std::chrono::seconds most_time(60);

[[noreturn]] void version_unknown(const std::vector<std::string>& command, std::string expected, std::string got) {
  std::string text;
  for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
  throw LabelError({"assay.label.version", "solver_version, '" + text + "'", std::move(expected), std::move(got), ""});
}

std::string trimmed(const std::string& text) {
  constexpr const char* blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// A program in a process group of its own that prints into a pipe; whatever happens, it has ended in the end.
class Printing {
 public:
  explicit Printing(const std::vector<std::string>& command) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) version_unknown(command, "a pipe to read from", std::strerror(errno));
    output_ = ends[0];
    const std::vector<char*> arguments = pointers(command);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const int error = ::posix_spawnp(&process_, arguments.front(), &files, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[1]);
    if (error == 0) return;
    ::close(output_);
    version_unknown(command, "a program that can be started", std::strerror(error));
  }
  Printing(const Printing&) = delete;
  Printing& operator=(const Printing&) = delete;
  ~Printing() {
    ::close(output_);
    if (!ended_) end();
  }

  /// Up to `most_bytes` of what it prints; nothing if it takes too long.
  std::optional<std::string> text() {
    const auto until = std::chrono::steady_clock::now() + most_time;
    std::string all;
    std::array<char, most_bytes> buffer{};
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd waiting{.fd = output_, .events = POLLIN, .revents = 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return std::nullopt;
      const ssize_t bytes = ::read(output_, buffer.data(), buffer.size());
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes <= 0) return all;
      all.append(buffer.data(), std::min(static_cast<std::size_t>(bytes), most_bytes - all.size()));
    }
  }

  int wait() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
    return status;
  }

 private:
  void end() {
    ::kill(-process_, SIGKILL);
    wait();
  }

  pid_t process_ = -1;
  int output_ = -1;
  bool ended_ = false;
};

}  // namespace

std::string solver_version(const std::vector<std::string>& command) {
  Printing program(command);
  const std::optional<std::string> text = program.text();
  if (!text) version_unknown(command, "a version within a minute", "none");
  if (const int status = program.wait(); status != 0) {
    version_unknown(command, "a program that ends with 0",
                    WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                      : "signal " + std::to_string(WTERMSIG(status)));
  }
  std::string version = trimmed(valid_utf8(*text));
  if (version.empty()) version_unknown(command, "a version on its standard output", "nothing");
  return version;
}

}  // namespace assay::detail
