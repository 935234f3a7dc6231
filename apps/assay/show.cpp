// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "status_text.hpp"

#include <assay/detail/restoring.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/tools/status.hpp>

#include <iostream>
#include <memory>

namespace assay::app {

namespace {

/// Prints where a campaign stands; works while another process runs it.
void show(const std::filesystem::path& campaign, bool json) {
  const Json description = campaign_status(campaign);
  if (json) {
    std::cout << detail::json_text(description, 2) << '\n';
  } else {
    // What a checkpoint or another host says of itself may be anything.
    detail::restoring(campaign.string() + ", what is known of it",
                      [&] { std::cout << status_text(campaign, description); });
  }
}

}  // namespace

Command add_show(CLI::App& app) {
  const auto campaign = std::make_shared<std::filesystem::path>();
  const auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("show", "where a campaign stands: phase, counts, last metrics");
  add_campaign(command, *campaign);
  command->add_flag("--json", *json, "one JSON object");
  return {command, [campaign, json] {
            show(*campaign, *json);
            return 0;
          }};
}

}  // namespace assay::app
