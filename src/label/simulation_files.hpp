// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

// What assay keeps in the directory of a simulation, in a folder of its own, `.assay`: all else there is the program's.
// `simulation.json` is written by assay for the runner, the rest by the runner for assay.

namespace assay::detail {

inline constexpr const char* own_folder = ".assay";
inline constexpr const char* order_file = "simulation.json";
inline constexpr const char* outcome_file = "outcome.json";
inline constexpr const char* output_file = "output.txt";    ///< what the program prints
inline constexpr const char* heartbeat_file = "heartbeat";  ///< its time says when the runner was last alive
inline constexpr std::chrono::seconds heartbeat_period{5};
inline constexpr std::chrono::seconds heartbeat_stale{60};  ///< one that did not move for so long has stopped

/// A program to run, and what it may use.
struct SimulationOrder {
  std::string mark;           ///< of all its processes, see `ProcessMarker`
  std::string host;           ///< on which it was started
  std::string boot;           ///< of that host
  std::string pid_namespace;  ///< of process ids there; empty where a version before did not say
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::chrono::duration<double> time_limit{};
  std::chrono::duration<double> grace{};                  ///< from SIGTERM to SIGKILL
  std::int64_t output_limit = 0;                          ///< bytes of output.txt
  std::optional<std::int64_t> file_limit = std::nullopt;  ///< bytes of any one file
  std::vector<int> cores = {};                            ///< it is bound to; none: as this program is
  std::vector<std::string> unset = {};                    ///< names of variables, or their beginnings with a *
  std::map<std::string, std::string> environment = {};
  std::string place = {};  ///< of the directory that it was written into, see `place_of`; a copy has another
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
  bool disk_was_full = false;  ///< when it ended: what it came to may be the disk's doing
};

/// The folder of assay's files in a simulation's directory: `.assay`, or the directory itself where a version before
/// put them there.
std::filesystem::path own_files(const std::filesystem::path& directory);

/// Which directory a path leads to, whatever it is called: device and number. Empty where there is none.
std::string place_of(const std::filesystem::path& directory);

/// Makes the folder too. Errors: `CheckpointError` `assay.file`.
void write_order(const std::filesystem::path& directory, const SimulationOrder& order);
/// Errors: `CheckpointError` for a file that is not there or a link, `ConfigError` for one that is something else.
SimulationOrder read_order(const std::filesystem::path& directory);

/// Under a temporary name, renamed: it is there whole, or not at all. Whatever the program left under these names goes.
void write_outcome(const std::filesystem::path& directory, const SimulationOutcome& outcome, const std::string& mark);
/// Room for that on the disk, taken before a program fills it: what it came to is known all the same.
class OutcomeRoom {
 public:
  /// No room is no error, until it is needed.
  explicit OutcomeRoom(std::filesystem::path directory);
  OutcomeRoom(const OutcomeRoom&) = delete;
  OutcomeRoom& operator=(const OutcomeRoom&) = delete;
  ~OutcomeRoom();
  /// As `write_outcome`; on a full disk with as much of the program's output as there is room for.
  void write(SimulationOutcome outcome, const std::string& mark);

 private:
  bool write_into_room(const std::string& text);

  std::filesystem::path directory_, file_;
  int fd_ = -1;
};
/// Nothing while there is none with this mark.
std::optional<SimulationOutcome> read_outcome(const std::filesystem::path& directory, const std::string& mark);

/// Seconds since one of assay's files of a simulation was written, by the clock of the file system that holds it: those
/// of two hosts may differ. Nothing if there is no such file. Cost: a file is made and removed.
std::optional<double> age_of(const std::filesystem::path& directory, const char* file);

/// Errors: `LabelError` `assay.label.disk` where the file system of a simulation's directory takes nothing more. What a
/// program came to there says nothing of its sample.
void require_room(const std::filesystem::path& directory);

/// What differs from one start of this host's system to the next.
std::string boot_of_host();
/// What differs from one container of this host to the next: process ids of one say nothing in another.
std::string process_namespace();

}  // namespace assay::detail
