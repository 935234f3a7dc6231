// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace assay::detail {

/// How a program ended.
struct ProcessEnd {
  enum class Kind { exited, signaled, timed_out, stopped } kind = Kind::exited;
  int status = 0;    ///< exit code or signal
  std::string tail;  ///< of what it printed
};

/// The file that would be run for `program`, or an empty path. A name with a slash is taken as it is, else PATH is
/// searched.
std::filesystem::path find_program(const std::string& program);

/// Runs a program in `directory` as the leader of a process group, its output to `output.txt` there, and ends the whole
/// group before it returns. `started` is told the process id.
/// Errors: `LabelError` `assay.label.program` if it cannot be started.
ProcessEnd run_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                       const std::filesystem::path& directory, std::chrono::duration<double> time_limit,
                       std::int64_t output_limit, const std::function<bool()>& stop_requested,
                       const std::function<void(long)>& started);

}  // namespace assay::detail
