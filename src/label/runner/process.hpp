// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../simulation_files.hpp"

#include <filesystem>
#include <functional>

namespace assay::detail {

/// Runs a program as the leader of a process group, its output to `.assay/output.txt` in its directory, and ends what
/// it started before it returns.
SimulationOutcome run_process(const SimulationOrder& order, const std::filesystem::path& directory,
                              const std::function<bool()>& stop_requested);

}  // namespace assay::detail
