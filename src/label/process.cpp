// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"

#include <assay/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace assay::detail {

namespace {

constexpr std::size_t tail_bytes = 2000;

/// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

/// Keeps the start of what a program prints in a file, and the end in memory.
class Capture {
 public:
  Capture(int pipe, const std::filesystem::path& file, std::int64_t limit)
      : pipe_(pipe), file_(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)), left_(limit) {}

  /// Takes what is there. \return false at the end of the stream.
  bool drain() {
    std::array<char, 65536> buffer;
    while (true) {
      const ssize_t count = ::read(pipe_, buffer.data(), buffer.size());
      if (count == 0) return false;
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      keep({buffer.data(), static_cast<std::size_t>(count)});
      if (count < static_cast<ssize_t>(buffer.size())) return true;
    }
  }
  const std::string& tail() const { return tail_; }

 private:
  void keep(std::string_view bytes) {
    const auto kept = bytes.substr(
        0, static_cast<std::size_t>(std::min<std::int64_t>(left_, static_cast<std::int64_t>(bytes.size()))));
    // output.txt is a convenience: a disk too full for it shows in everything else
    if (file_.get() >= 0 && !kept.empty() && ::write(file_.get(), kept.data(), kept.size()) < 0) file_.close();
    left_ -= static_cast<std::int64_t>(kept.size());
    tail_.append(bytes.substr(bytes.size() - std::min(bytes.size(), tail_bytes)));
    if (tail_.size() > tail_bytes) tail_.erase(0, tail_.size() - tail_bytes);
  }

  int pipe_;
  Descriptor file_;
  std::int64_t left_;
  std::string tail_;
};

[[noreturn]] void fail(const std::filesystem::path& program, int error) {
  throw LabelError(
      {"assay.label.program", program.string(), "a program that can be started", std::strerror(error), ""});
}

pid_t spawn(const std::filesystem::path& program, const std::vector<std::string>& arguments,
            const std::filesystem::path& directory, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  // A group of its own, and the signals as a shell would leave them: the host program may block or ignore some.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t process = -1;
  const int error = ::posix_spawn(&process, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) fail(program, error);
  return process;
}

}  // namespace

std::filesystem::path find_program(const std::string& program) {
  const auto runs = [](const std::filesystem::path& file) {
    return std::filesystem::is_regular_file(file) && ::access(file.c_str(), X_OK) == 0;
  };
  if (program.find('/') != std::string::npos)
    return runs(program) ? std::filesystem::absolute(program) : std::filesystem::path();
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::filesystem::path file = std::filesystem::path(rest.substr(0, end)) / program;
    if (runs(file)) return std::filesystem::absolute(file);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

ProcessEnd run_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                       const std::filesystem::path& directory, std::chrono::duration<double> time_limit,
                       std::int64_t output_limit, const std::function<bool()>& stop_requested,
                       const std::function<void(long)>& started) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) fail(program, errno);
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  ::fcntl(write_end.get(), F_SETFL, 0);  // the program's own end blocks
  const pid_t process = spawn(program, arguments, directory, write_end.get());
  write_end.close();
  Capture capture(read_end.get(), directory / "output.txt", output_limit);
  ProcessEnd end;
  const auto began = std::chrono::steady_clock::now();
  bool open = true, ended = false;
  int status = 0;
  const auto end_group = [&] { ::kill(-process, SIGKILL); };
  try {
    started(process);
    for (int wait = 1; !ended;) {
      pollfd watched{read_end.get(), POLLIN, 0};
      const int ready = ::poll(&watched, open ? 1 : 0, wait);
      if (ready > 0) open = capture.drain();
      wait = ready > 0 ? 1 : std::min(2 * wait, 50);
      ended = ::waitpid(process, &status, WNOHANG) == process;
      if (ended) break;
      const bool late = std::chrono::steady_clock::now() - began > time_limit;
      if (late || stop_requested()) {
        end.kind = late ? ProcessEnd::Kind::timed_out : ProcessEnd::Kind::stopped;
        end_group();
        while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
        }
        ended = true;
      }
    }
  } catch (...) {
    end_group();
    if (!ended) ::waitpid(process, &status, 0);
    throw;
  }
  end_group();  // what the program left behind
  capture.drain();
  end.tail = capture.tail();
  if (end.kind == ProcessEnd::Kind::exited) {
    if (WIFSIGNALED(status)) end.kind = ProcessEnd::Kind::signaled;
    end.status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  }
  return end;
}

}  // namespace assay::detail
