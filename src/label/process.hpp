// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace assay::detail {

/// A program to run, and what it may use.
struct ProcessStart {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::filesystem::path directory;
  std::chrono::duration<double> time_limit;
  std::chrono::duration<double> grace;                    ///< from SIGTERM to SIGKILL
  std::int64_t output_limit;                              ///< bytes of output.txt
  std::optional<std::int64_t> file_limit = std::nullopt;  ///< bytes of any one file
};

/// How a program ended.
struct ProcessEnd {
  enum class Kind {
    exited,
    signaled,
    timed_out,
    stopped,
    reaped_by_host  ///< the rest of this program took its status: it ended, nobody knows how
  } kind = Kind::exited;
  int status = 0;    ///< exit code or signal
  std::string tail;  ///< of what it printed
};

/// The file that would be run for `program`, or an empty path. A name with a slash is taken as it is, else PATH is
/// searched.
std::filesystem::path find_program(const std::string& program);

/// Runs a program as the leader of a process group, its output to `output.txt` in its directory, and ends what it
/// started before it returns. `started` is told the process id.
/// Errors: `LabelError` `assay.label.program` if it cannot be started.
ProcessEnd run_process(const ProcessStart& start, const std::function<bool()>& stop_requested,
                       const std::function<void(long)>& started);

}  // namespace assay::detail
