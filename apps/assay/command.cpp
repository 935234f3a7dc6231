// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <assay/duration.hpp>

#include <string>

#include "command_list.hpp"  // made by CMake: each add_<command>

namespace assay::app {

std::vector<Command> add_commands(CLI::App& app) {
  std::vector<Command> commands;
  for (const auto add : all_commands) commands.push_back(add(app));
  return commands;
}

void add_campaign(CLI::App* command, std::filesystem::path& campaign) {
  command->add_option("CAMPAIGN", campaign, "campaign directory")->required();
}

void add_wait(CLI::App* command, double& seconds) {
  command->add_option("--wait", seconds, "seconds to wait for a campaign that another process holds")
      ->check(CLI::NonNegativeNumber);
}

CLI::Validator is_time() {
  return {
      [](std::string& text) { return parse_duration(text) ? std::string() : "'" + text + "' is no time, as 3h50m is"; },
      "TIME"};
}

}  // namespace assay::app
