// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <assay/campaign_hash.hpp>

#include <iostream>
#include <memory>

namespace assay::app {

Command add_hash(CLI::App& app) {
  const auto campaign = std::make_shared<std::filesystem::path>();
  CLI::App* command = app.add_subcommand("hash", "one line: a digest of what a campaign came to");
  add_campaign(command, *campaign);
  return {command, [campaign] {
            std::cout << campaign_hash(*campaign) << '\n';
            return 0;
          }};
}

}  // namespace assay::app
