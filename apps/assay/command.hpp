// SPDX-License-Identifier: Apache-2.0
// What a file `<command>.cpp` makes of itself: `Command add_<command>(CLI::App& app)`, found by its name in
// CMakeLists.txt.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <vector>

namespace assay::app {

/// Exit codes beside 0, 1 (failure) and 2 (usage).
constexpr int usage_code = 2;
constexpr int stopped_code = 3;  ///< stopped before the end, resumable
constexpr int nothing_code = 4;  ///< there is nothing to ask for

/// A command of the program.
struct Command {
  CLI::App* options;
  std::function<int()> run;  ///< with the options as they were read; gives the exit code
};

/// Adds all commands, in the order in which --help lists them.
std::vector<Command> add_commands(CLI::App& app);

/// \name Options that many commands have
/// @{
void add_campaign(CLI::App* command, std::filesystem::path& campaign);
/// \param seconds to wait for a campaign that another process holds.
void add_wait(CLI::App* command, double& seconds);
CLI::Validator is_time();
/// @}

}  // namespace assay::app
