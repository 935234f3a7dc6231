// SPDX-License-Identifier: Apache-2.0
#include "simulation.hpp"

#include "../detail/lease.hpp"
#include "../detail/spawn.hpp"

#include <assay/error.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <thread>
#include <utility>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr const char* runner_name = "assay_simulation";

bool can_be_run(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error) && ::access(file.c_str(), X_OK) == 0;
}

/// The runner that belongs to this library: beside the program or the library in a tree, wherever that was moved; else
/// where it was built or installed, or on PATH.
const fs::path& find_runner() {
  static const fs::path found = [] {
    std::vector<fs::path> places;
    std::error_code error;
    fs::path here = fs::read_symlink("/proc/self/exe", error);
    Dl_info info{};
    const bool known = ::dladdr(reinterpret_cast<const void*>(&find_program), &info) != 0 && info.dli_fname;
    for (const fs::path& from : {known ? fs::absolute(info.dli_fname, error) : fs::path(), here}) {
      if (from.empty()) continue;
      places.push_back(from.parent_path());
      places.push_back(from.parent_path() / "../libexec/assay");
      places.push_back(from.parent_path() / "../../libexec/assay");
    }
    places.emplace_back(ASSAY_RUNNER_BUILT);
    places.emplace_back(ASSAY_RUNNER_INSTALLED);
    for (const fs::path& place : places) {
      if (can_be_run(place / runner_name)) return place / runner_name;
    }
    return find_program(runner_name);
  }();
  if (found.empty()) {
    throw LabelError({"assay.label.runner", runner_name, "the program that runs simulations, which comes with assay",
                      "none in libexec/assay beside the library, and none on PATH", "install assay as a whole"});
  }
  return found;
}

/// The runner leads a process group, so that a Ctrl-C at the terminal is the campaign's affair, and keeps none of the
/// host's streams open.
pid_t spawn(const fs::path& runner, const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment) {
  detail::SpawnActions actions;
  const detail::SpawnAttributes attributes;
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(actions.get(), STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t process = -1;
  const int error = ::posix_spawn(&process, runner.c_str(), actions.get(), attributes.get(), pointers(arguments).data(),
                                  pointers(environment).data());
  if (error != 0) {
    throw LabelError(
        {"assay.label.runner", runner.string(), "a program that can be started", std::strerror(error), ""});
  }
  return process;
}

bool is_runner(pid_t process) {
  std::string name;
  std::ifstream("/proc/" + std::to_string(process) + "/comm") >> name;
  return !name.empty() && std::string_view(runner_name).starts_with(name);
}

fs::path working_directory(pid_t process) { return "/proc/" + std::to_string(process) + "/cwd"; }

bool is_removed(const fs::path& working_directory) {
  struct stat status {};
  if (::stat(working_directory.c_str(), &status) != 0) return errno == ESTALE;  // by another host
  std::error_code error;
  return status.st_nlink == 0 || fs::read_symlink(working_directory, error).string().ends_with(" (deleted)");
}

/// Whether a process works in a directory or below.
bool works_in(pid_t process, const fs::path& directory) {
  std::error_code error;
  const std::string place = fs::canonical(directory, error).string() + "/";
  return !error && (fs::read_symlink(working_directory(process), error).string() + "/").starts_with(place);
}

}  // namespace

std::filesystem::path find_program(const std::string& program) {
  if (program.find('/') != std::string::npos) return can_be_run(program) ? fs::absolute(program) : fs::path();
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const fs::path file = fs::path(rest.substr(0, end)) / program;
    if (can_be_run(file)) return fs::absolute(file);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

std::vector<int> usable_cores() {
  std::vector<int> cores;
  for (int most = 1024; most <= 1 << 20; most *= 2) {
    cpu_set_t* set = CPU_ALLOC(most);
    const std::size_t size = CPU_ALLOC_SIZE(most);
    CPU_ZERO_S(size, set);
    const bool good = ::sched_getaffinity(0, size, set) == 0;
    const bool too_small = !good && errno == EINVAL;
    for (int core = 0; good && core < most; ++core) {
      if (CPU_ISSET_S(static_cast<std::size_t>(core), size, set)) cores.push_back(core);
    }
    CPU_FREE(set);
    if (!too_small) break;
  }
  return cores;
}

Simulation::Simulation(fs::path directory, SimulationOrder order, pid_t runner, int handle)
    : directory_(std::move(directory)),
      order_(std::move(order)),
      marker_(order_.mark),
      runner_(runner),
      handle_(handle) {}

Simulation::Simulation(Simulation&& other) noexcept
    : directory_(std::move(other.directory_)),
      order_(std::move(other.order_)),
      marker_(std::move(other.marker_)),
      runner_(std::exchange(other.runner_, -1)),
      handle_(std::exchange(other.handle_, -1)) {}

Simulation Simulation::start(const fs::path& directory, const SimulationOrder& order) {
  const fs::path& runner = find_runner();
  const ProcessMarker marker(order.mark);
  const pid_t process = spawn(runner, {runner_name, fs::absolute(directory).string()}, marker.environment());
  return {directory, order, process, static_cast<int>(::syscall(SYS_pidfd_open, process, 0))};
}

Simulation Simulation::left_behind(const fs::path& directory, const SimulationOrder& order) {
  return {directory, order, -1, -1};
}

Simulation::~Simulation() {
  if (runner_ < 0) return;
  try {
    wait([] { return true; });
  } catch (...) {  // no memory to look for it: it goes on, and is found when the campaign is resumed
    if (handle_ >= 0) ::close(handle_);
  }
}

bool Simulation::is_within_reach() const {
  return order_.host == host_name() && order_.boot == boot_of_host() &&
         (order_.pid_namespace.empty() || order_.pid_namespace == process_namespace());
}

bool Simulation::files_are_whole() const { return order_.host != host_name() || order_.boot == boot_of_host(); }

std::string Simulation::what_became_of_the_runner() const {
  return runner_exited_ ? "its runner could not write how it ended: the program may have removed its own directory"
                        : "its runner was killed";
}

/// Runners of simulations inside this one carry its mark too, but not as their last.
bool Simulation::leads(pid_t process) const { return is_runner(process) && marker_.is_last_on(process); }

bool Simulation::works_here(pid_t runner) const {
  const std::string here = place_of(directory_);
  return !here.empty() && place_of(working_directory(runner)) == here;
}

Simulation::Sight Simulation::look() const {
  const std::vector<pid_t> processes = marker_.processes();
  if (order_.place.empty()) return look_at_one_of_format_1(processes);
  Sight sight = Sight::nothing;
  bool led = false;
  for (const pid_t process : processes) {
    if (!leads(process)) continue;
    if (works_here(process)) return Sight::runner;
    led = true;
    if (is_removed(working_directory(process))) sight = Sight::orphans;
  }
  if (!led && !processes.empty() && order_.place == place_of(directory_)) sight = Sight::leftovers;
  return sight;
}

/// Its runner works anywhere, its program in the directory.
Simulation::Sight Simulation::look_at_one_of_format_1(const std::vector<pid_t>& processes) const {
  const auto any = [&](const auto& holds) { return std::any_of(processes.begin(), processes.end(), holds); };
  if (!any([&](pid_t process) { return works_in(process, directory_); })) return Sight::nothing;
  return any([&](pid_t process) { return leads(process); }) ? Sight::runner : Sight::leftovers;
}

bool Simulation::runs() const {
  if (runner_ >= 0) {
    siginfo_t info{};
    int result = 0;
    while ((result = ::waitid(P_PID, static_cast<id_t>(runner_), &info, WEXITED | WNOHANG | WNOWAIT)) < 0 &&
           errno == EINTR) {
    }
    // A host that ignores SIGCHLD, or waits for any child, may have reaped it.
    return result == 0 ? info.si_pid != runner_ : marker_.is_on(runner_);
  }
  if (is_within_reach()) return look() == Sight::runner;
  if (read_outcome(directory_, order_.mark)) return false;
  constexpr double just_now = -5;  // seconds; a time further ahead is one that somebody set
  const bool beats = !order_.place.empty();
  const std::optional<double> age = age_of(directory_, beats ? heartbeat_file : order_file);
  const std::chrono::duration<double> most = beats ? heartbeat_stale
                                                   : order_.time_limit + order_.grace + heartbeat_stale;
  return age && *age > just_now && *age < most.count();
}

void Simulation::end_leftovers() const {
  if (is_within_reach() && look() != Sight::nothing) marker_.kill_all();
}

void Simulation::signal_runner(int signal) const {
  if (runner_ >= 0) return marker_.signal(runner_, signal);
  if (look() != Sight::runner) return;
  for (const pid_t process : marker_.processes()) {
    if (leads(process) && (order_.place.empty() || works_here(process))) marker_.signal(process, signal);
  }
}

void Simulation::pause(int milliseconds) const {
  pollfd watched{handle_, POLLIN, 0};
  if (handle_ < 0 || ::poll(&watched, 1, milliseconds) < 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

void Simulation::reap() {
  if (handle_ >= 0) ::close(std::exchange(handle_, -1));
  if (const pid_t runner = std::exchange(runner_, -1); runner >= 0) {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(runner), &info, WEXITED) < 0 && errno == EINTR) {
    }
    runner_exited_ = info.si_code == CLD_EXITED;
  }
}

std::optional<SimulationOutcome> Simulation::wait(const std::function<bool()>& stop) {
  const bool within_reach = is_within_reach(), own = runner_ >= 0;
  const int longest_pause = within_reach ? 50 : 1000;  // milliseconds; elsewhere every look asks the file system
  std::optional<Clock::time_point> told;
  Clock::time_point woken = Clock::now();
  for (int milliseconds = 1; runs(); milliseconds = std::min(2 * milliseconds, longest_pause)) {
    const Clock::time_point now = Clock::now();
    if (!told && stop()) {
      if (!within_reach) return std::nullopt;  // it ends by itself
      signal_runner(SIGTERM);
      told = now;
    }
    // The runner has the same time for the program; it would take longer only if it hangs.
    if (told && now - *told > order_.grace + 10s) break;
    if (within_reach && now - woken > 1s) {
      signal_runner(SIGCONT);  // a program may have stopped it, and nobody would keep to the time limit
      woken = now;
    }
    pause(milliseconds);
  }
  if (!own) {
    end_leftovers();
    return read_outcome(directory_, order_.mark);
  }
  if (runs()) marker_.kill_all();
  reap();
  std::optional<SimulationOutcome> outcome = read_outcome(directory_, order_.mark);
  if (!outcome) marker_.kill_all();
  return outcome;
}

}  // namespace assay::detail
