// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"
#include "process_marker.hpp"

#include <assay/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

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

  /// Takes what is there, but no more than a pipe holds: a program that prints faster than it is read must not keep
  /// anybody from looking at the clock. \return false at the end of the stream.
  bool drain() {
    std::array<char, 65536> buffer;
    for (int i = 0; i < 16; ++i) {
      const ssize_t count = ::read(pipe_, buffer.data(), buffer.size());
      if (count == 0) return false;
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      keep({buffer.data(), static_cast<std::size_t>(count)});
      if (count < static_cast<ssize_t>(buffer.size())) return true;
    }
    return true;
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

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

pid_t spawn(const ProcessStart& start, const ProcessMarker& marker, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addchdir_np(&actions, start.directory.c_str());
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
  const std::vector<std::string> environment = marker.environment();
  pid_t process = -1;
  const int error = ::posix_spawn(&process, start.program.c_str(), &actions, &attributes,
                                  pointers(start.arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) fail(start.program, error);
  return process;
}

/// A started program. It and everything it started is ended, and it is reaped, when this goes out of scope.
///
/// Until it is reaped its number, which is its group's too, belongs to nobody else, so that the group can be signaled
/// safely. Where the host program ignores SIGCHLD or waits for any child, the number may be anybody's once the program
/// has ended; then only processes that carry the mark are touched.
class RunningProgram {
 public:
  enum class State { running, ended, gone };

  explicit RunningProgram(const ProcessStart& start, int output) : process_(spawn(start, marker_, output)) {}
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram() {
    try {
      end();
    } catch (...) {  // no memory to look for what is left; the group is ended by then
    }
  }

  pid_t id() const { return process_; }

  /// Looks without reaping, and notes how it ended.
  State look() {
    if (state_ == State::gone) return state_;
    siginfo_t info{};
    int result = 0;
    while ((result = ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT)) < 0 &&
           errno == EINTR) {
    }
    if (result < 0) {
      state_ = State::gone;
    } else if (info.si_pid == process_) {
      state_ = State::ended;
      how_it_ended_ = info;
    }
    return state_;
  }
  /// Nothing if it runs, or if somebody else reaped it first.
  const std::optional<siginfo_t>& how_it_ended() const { return how_it_ended_; }

  void signal_group(int signal) {
    if (look() != State::gone) ::kill(-process_, signal);
  }

  /// Anything of the group still computes.
  bool group_runs() {
    if (look() == State::running) return true;
    const std::vector<pid_t> left = marker_.processes();
    return std::any_of(left.begin(), left.end(), [&](pid_t process) { return ::getpgid(process) == process_; });
  }

  void limit_files(std::int64_t bytes);

  /// Ends all that is left, and reaps the program.
  void end() {
    if (over_) return;
    over_ = true;
    signal_group(SIGKILL);
    try {
      marker_.kill_all();
    } catch (...) {
      reap();
      throw;
    }
    reap();
  }

 private:
  void reap() {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED) < 0 && errno == EINTR) {
    }
    state_ = State::gone;
  }

  ProcessMarker marker_;
  pid_t process_;
  State state_ = State::running;
  std::optional<siginfo_t> how_it_ended_;
  bool over_ = false;
};

/// \return whether the limit of a process was lowered.
bool lower_file_limit(pid_t process, rlim_t bytes) {
  rlimit limit{};
  if (::prlimit(process, RLIMIT_FSIZE, nullptr, &limit) == 0) {
    if (limit.rlim_cur <= bytes && limit.rlim_max <= bytes) return false;
    limit = {std::min(limit.rlim_cur, bytes), std::min(limit.rlim_max, bytes)};
    if (::prlimit(process, RLIMIT_FSIZE, &limit, nullptr) == 0) return true;
  }
  if (errno == ESRCH) return false;  // it has ended
  throw LabelError({"assay.label.file_limit", "process " + std::to_string(process),
                    "a program whose files can be limited", std::strerror(errno), "leave 'file_limit' out"});
}

/// From here on every file ends at `bytes`. The program runs already, so what it writes in its first moments is not
/// limited; what it forks in them is, by going through its processes until all have the limit, which they hand on.
void RunningProgram::limit_files(std::int64_t bytes) {
  const auto limit = static_cast<rlim_t>(bytes);
  if (look() != State::running) return;
  lower_file_limit(process_, limit);
  for (bool lowered = true; lowered;) {
    lowered = false;
    for (const pid_t process : marker_.processes()) lowered |= lower_file_limit(process, limit);
  }
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

ProcessEnd run_process(const ProcessStart& start, const std::function<bool()>& stop_requested,
                       const std::function<void(long)>& started) {
  using Clock = std::chrono::steady_clock;
  using State = RunningProgram::State;
  using Kind = ProcessEnd::Kind;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) fail(start.program, errno);
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  ::fcntl(write_end.get(), F_SETFL, 0);  // the program's own end blocks
  // Opened before the program can put anything else in its place.
  Capture capture(read_end.get(), start.directory / "output.txt", start.output_limit);
  RunningProgram program(start, write_end.get());
  write_end.close();
  const auto began = Clock::now();
  if (start.file_limit) program.limit_files(*start.file_limit);
  started(program.id());

  ProcessEnd end;
  Clock::time_point told_to_end;
  bool open = true;
  for (int wait = 1;;) {
    pollfd watched{read_end.get(), POLLIN, 0};
    const int ready = ::poll(&watched, open ? 1 : 0, wait);
    if (ready > 0) open = capture.drain();
    wait = ready > 0 ? 1 : std::min(2 * wait, 50);
    if (end.kind == Kind::exited) {
      if (program.look() != State::running) break;
      const bool late = Clock::now() - began > start.time_limit;
      if (!late && !stop_requested()) continue;
      end.kind = late ? Kind::timed_out : Kind::stopped;
      if (start.grace.count() > 0) program.signal_group(SIGTERM);
      told_to_end = Clock::now();
    }
    // A shell is gone at once: what it runs has the whole time to end.
    if (Clock::now() - told_to_end >= start.grace || !program.group_runs()) break;
  }
  program.end();
  capture.drain();
  end.tail = capture.tail();
  if (end.kind != Kind::exited) return end;
  if (const std::optional<siginfo_t>& how = program.how_it_ended()) {
    if (how->si_code != CLD_EXITED) end.kind = Kind::signaled;
    end.status = how->si_status;
  } else {
    end.kind = Kind::reaped_by_host;
  }
  return end;
}

}  // namespace assay::detail
