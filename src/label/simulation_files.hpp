// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

// What stands in the directory of a simulation beside the program's own files, written by assay for the runner
// (`simulation.json`) and by the runner for assay (`outcome.json`).

namespace assay::detail {

inline constexpr const char* order_file = "simulation.json";
inline constexpr const char* outcome_file = "outcome.json";

/// A program to run, and what it may use.
struct SimulationOrder {
  std::string mark;  ///< of all its processes, see `ProcessMarker`
  std::string host;  ///< on which it was started
  std::string boot;  ///< of that host
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::chrono::duration<double> time_limit{};
  std::chrono::duration<double> grace{};                  ///< from SIGTERM to SIGKILL
  std::int64_t output_limit = 0;                          ///< bytes of output.txt
  std::optional<std::int64_t> file_limit = std::nullopt;  ///< bytes of any one file
  std::vector<int> cores = {};                            ///< it is bound to; none: as this program is
  std::vector<std::string> unset = {};                    ///< names of variables, or their beginnings with a *
  std::map<std::string, std::string> environment = {};
};

/// How a program ended.
struct SimulationOutcome {
  enum class Kind {
    exited,
    signaled,
    timed_out,
    stopped,      ///< from outside: nothing is known of it
    not_started,  ///< there is no such program, or it cannot be bound and limited as ordered
  } kind = Kind::exited;
  int status = 0;       ///< exit code or signal
  std::string tail;     ///< of what it printed, as UTF-8
  std::string problem;  ///< why it was not started
  double seconds = 0;
};

/// Errors: `CheckpointError` `assay.file`.
void write_order(const std::filesystem::path& directory, const SimulationOrder& order);
/// Errors: `CheckpointError` for a file that is not there, `ConfigError` for one that is something else.
SimulationOrder read_order(const std::filesystem::path& directory);

/// Under a temporary name, renamed: it is there whole, or not at all.
void write_outcome(const std::filesystem::path& directory, const SimulationOutcome& outcome, const std::string& mark);
/// Nothing while there is none with this mark: a program may have a file of the same name.
std::optional<SimulationOutcome> read_outcome(const std::filesystem::path& directory, const std::string& mark);

/// What differs from one start of this host's system to the next.
std::string boot_of_host();

}  // namespace assay::detail
