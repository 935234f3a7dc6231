// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"

#include "../../detail/spawn.hpp"
#include "../control_group.hpp"
#include "../process_marker.hpp"
#include "../valid_utf8.hpp"
#include "heartbeat.hpp"
#include "process_tree.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

[[noreturn]] void process_failed(const std::string& what, int error) {
  throw std::system_error(error, std::generic_category(), what);
}

/// Whether a variable is one of `names`, which may end with a *.
bool is_named(std::string_view variable, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    if (!name.ends_with('*')) return variable == name;
    return variable.starts_with(name.substr(0, name.size() - 1));
  });
}

/// This runner's own environment, which has the mark in it, as the order changes it.
std::vector<std::string> program_environment(const SimulationOrder& order) {
  std::vector<std::string> entries;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry, name = text.substr(0, text.find('='));
    const bool changed = is_named(name, order.unset) || order.environment.contains(std::string(name));
    if (!changed || name == ProcessMarker::variable) entries.emplace_back(text);
  }
  for (const auto& [name, value] : order.environment) {
    if (name != ProcessMarker::variable) entries.push_back(name + "=" + value);
  }
  return entries;
}

/// Binds this process, and with it what it starts.
void bind_to(const std::vector<int>& cores) {
  if (cores.empty()) return;
  const int most = *std::max_element(cores.begin(), cores.end()) + 1;
  cpu_set_t* set = CPU_ALLOC(most);
  const std::size_t size = CPU_ALLOC_SIZE(most);
  CPU_ZERO_S(size, set);
  for (const int core : cores) CPU_SET_S(static_cast<std::size_t>(core), size, set);
  const int result = ::sched_setaffinity(0, size, set), error = errno;
  CPU_FREE(set);
  if (result != 0) process_failed("it cannot be bound to its cores", error);
}

/// While this lives, what is started has a limit on its files.
class FileLimit {
 public:
  explicit FileLimit(const std::optional<std::int64_t>& bytes) {
    if (!bytes) return;
    if (::getrlimit(RLIMIT_FSIZE, &before_) != 0) process_failed("its files cannot be limited", errno);
    limit_ = before_;
    limit_->rlim_cur = std::min(before_.rlim_cur, static_cast<rlim_t>(*bytes));
    if (::setrlimit(RLIMIT_FSIZE, &*limit_) != 0) process_failed("its files cannot be limited", errno);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit() {
    if (limit_) ::setrlimit(RLIMIT_FSIZE, &before_);
  }
  /// The program may not raise its limit again.
  void fix(pid_t process) const {
    if (!limit_) return;
    const rlimit both{limit_->rlim_cur, limit_->rlim_cur};
    ::prlimit(process, RLIMIT_FSIZE, &both, nullptr);
  }

 private:
  rlimit before_{};
  std::optional<rlimit> limit_;
};

pid_t spawn(const SimulationOrder& order, const std::filesystem::path& directory, int output) {
  SpawnActions actions;
  const SpawnAttributes attributes;
  posix_spawn_file_actions_addchdir_np(actions.get(), directory.c_str());
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(actions.get(), output, STDERR_FILENO);
  const std::vector<std::string> environment = program_environment(order);
  const FileLimit limit(order.file_limit);
  pid_t process = -1;
  const int error = ::posix_spawn(&process, order.program.c_str(), actions.get(), attributes.get(),
                                  pointers(order.arguments).data(), pointers(environment).data());
  if (error != 0) process_failed(order.program.string(), error);
  limit.fix(process);
  return process;
}

/// A started program. It and everything it started is ended, and it is reaped, when this goes out of scope.
///
/// Until it is reaped its number, which is its group's too, belongs to nobody else, so that the group can be signaled
/// safely.
class RunningProgram {
 public:
  RunningProgram(const SimulationOrder& order, const std::filesystem::path& directory, int output)
      : marker_(order.mark) {
    ControlGroup group(order.mark);
    group.enter();
    try {
      process_ = spawn(order, directory, output);
    } catch (...) {
      group.leave();
      group.end();
      throw;
    }
    group.leave();
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram() {
    try {
      end();
    } catch (...) {  // no memory to look for what is left; the group is ended by then
    }
  }

  /// Looks without reaping. \return how it ended; nothing while it runs.
  const std::optional<siginfo_t>& how_it_ended() {
    siginfo_t info{};
    while (!how_it_ended_ && ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
    if (info.si_pid == process_) how_it_ended_ = info;
    return how_it_ended_;
  }

  void signal_group(int signal) { ::kill(-process_, signal); }

  /// Anything of the group still computes.
  bool group_runs() {
    if (!how_it_ended()) return true;
    const std::vector<pid_t> left = marker_.processes();
    return std::any_of(left.begin(), left.end(), [&](pid_t process) { return ::getpgid(process) == process_; });
  }

  /// Processes that lost their parents are this runner's: none stays a zombie while the program goes on.
  void reap_orphans() { reap_adopted(process_); }

  /// Ends all that is left, and reaps the program.
  void end() {
    if (over_) return;
    over_ = true;
    signal_group(SIGKILL);
    try {
      kill_descendants(process_);
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
  }

  ProcessMarker marker_;
  pid_t process_ = -1;
  std::optional<siginfo_t> how_it_ended_;
  bool over_ = false;
};

}  // namespace

SimulationOutcome run_process(const SimulationOrder& order, const std::filesystem::path& directory,
                              const std::function<bool()>& stop_requested) {
  using Clock = std::chrono::steady_clock;
  using Kind = SimulationOutcome::Kind;
  bind_to(order.cores);
  adopt_orphans();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) process_failed("a pipe", errno);
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  ::fcntl(write_end.get(), F_SETFL, 0);  // the program's own end blocks
  // Opened before the program can put anything else in its place.
  Capture capture(read_end.get(), own_files(directory) / output_file, order.output_limit);
  Heartbeat heartbeat(directory);
  const auto began = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
  RunningProgram program(order, directory, write_end.get());
  write_end.close();

  SimulationOutcome outcome;
  Clock::time_point told_to_end;
  bool open = true;
  for (int wait = 1;;) {
    pollfd watched{read_end.get(), POLLIN, 0};
    const int ready = ::poll(&watched, open ? 1 : 0, wait);
    if (ready > 0) open = capture.drain();
    wait = ready > 0 ? 1 : std::min(2 * wait, 50);
    heartbeat.beat();
    program.reap_orphans();
    if (outcome.kind == Kind::exited) {
      if (program.how_it_ended()) break;
      const bool late = seconds() > order.time_limit.count();
      if (!late && !stop_requested()) continue;
      outcome.kind = late ? Kind::timed_out : Kind::stopped;
      if (order.grace.count() > 0) program.signal_group(SIGTERM);
      told_to_end = Clock::now();
    }
    // A shell is gone at once: what it runs has the whole time to end.
    if (Clock::now() - told_to_end >= order.grace || !program.group_runs()) break;
  }
  // A scheduler that ends a job signals all its processes at once: the program's end may be seen before its cause.
  const auto ended_by_term = [&] {
    const std::optional<siginfo_t>& how = program.how_it_ended();
    return how && how->si_code != CLD_EXITED && how->si_status == SIGTERM;
  };
  for (int i = 0; i < 20 && outcome.kind == Kind::exited && ended_by_term(); ++i) {
    if (stop_requested()) outcome.kind = Kind::stopped;
    ::usleep(10'000);
  }
  outcome.seconds = seconds();
  program.end();
  capture.drain();
  outcome.tail = valid_utf8(capture.tail());
  if (outcome.kind == Kind::exited) {
    const std::optional<siginfo_t>& how = program.how_it_ended();
    if (how->si_code != CLD_EXITED) outcome.kind = Kind::signaled;
    outcome.status = how->si_status;
  }
  return outcome;
}

}  // namespace assay::detail
