// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process_marker.hpp"
#include "simulation_files.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace assay::detail {

/// The file that would be run for `program`, or an empty path. A name with a slash is taken as it is, else PATH is
/// searched.
std::filesystem::path find_program(const std::string& program);

/// Cores that this process may run on.
std::vector<int> usable_cores();

/// A simulation under its runner: a process of its own that starts the program, watches it, ends what it leaves behind,
/// and writes how it ended into the simulation's directory, whether or not the campaign still lives then.
///
/// One that an earlier process started is this campaign's only where its runner works in this directory, or its
/// heartbeat moves here. A copy of the directory, of a campaign that goes on elsewhere, has the same files: nothing of
/// its original is waited for, signaled or removed.
class Simulation {
 public:
  /// Starts a runner for the order, which is in the directory already.
  /// Errors: `LabelError` `assay.label.runner` if there is no runner or it cannot be started.
  static Simulation start(const std::filesystem::path& directory, const SimulationOrder& order);
  /// The one that an earlier process of the campaign started, on this host or another.
  static Simulation left_behind(const std::filesystem::path& directory, const SimulationOrder& order);

  Simulation(Simulation&& other) noexcept;
  Simulation& operator=(Simulation&&) = delete;
  /// Ends it, if it still runs and this process started it.
  ~Simulation();

  long process() const { return runner_; }
  bool runs() const;
  /// Waits until it has ended, and has it end when `stop` says so. \return how it ended; nothing if its runner was
  /// killed or could not write that, is not this campaign's, or runs where it cannot be ended.
  std::optional<SimulationOutcome> wait(const std::function<bool()>& stop);
  /// Kills what an earlier process of this campaign started and is still there.
  void end_leftovers() const;
  /// Whether its processes can be seen and signaled from here: the host and the container are those it was started on.
  bool is_within_reach() const;
  /// False where the host was started anew since: files may have lost what was written last.
  bool files_are_whole() const;
  /// In words, where there is no outcome.
  std::string what_became_of_the_runner() const;

 private:
  /// What is seen of one that an earlier process started.
  enum class Sight {
    nothing,    ///< or nothing of this campaign's
    runner,     ///< that works in this directory
    leftovers,  ///< of a runner that is gone
    orphans,    ///< of a runner whose directory is gone, under whatever name: nobody can have what they come to
  };

  Simulation(std::filesystem::path directory, SimulationOrder order, pid_t runner, int handle);
  bool leads(pid_t process) const;
  bool works_here(pid_t runner) const;
  Sight look() const;
  Sight look_at_one_of_format_1(const std::vector<pid_t>& processes) const;
  void signal_runner(int signal) const;
  void pause(int milliseconds) const;
  void reap();

  std::filesystem::path directory_;
  SimulationOrder order_;
  ProcessMarker marker_;
  pid_t runner_;  ///< -1: of another process
  int handle_;    ///< a descriptor that becomes readable when the runner ends; -1 where there is none
  bool runner_exited_ = false;
};

}  // namespace assay::detail
