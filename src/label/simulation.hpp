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
  /// killed, or runs on another host and was not heard of for as long as it may take.
  std::optional<SimulationOutcome> wait(const std::function<bool()>& stop);
  /// False where the host was started anew since: files may have lost what was written last.
  bool on_this_boot() const;

 private:
  Simulation(std::filesystem::path directory, SimulationOrder order, pid_t runner, int handle);
  void tell_to_end() const;
  void pause(int milliseconds) const;
  void reap();

  std::filesystem::path directory_;
  SimulationOrder order_;
  ProcessMarker marker_;
  pid_t runner_;  ///< -1: of another process
  int handle_;    ///< a descriptor that becomes readable when the runner ends; -1 where there is none
};

}  // namespace assay::detail
