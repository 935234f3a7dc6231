// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "waiting.hpp"

#include <assay/tools/labels.hpp>

#include <iostream>
#include <memory>

namespace assay::app {

namespace {

struct AbandonOptions {
  std::filesystem::path campaign;
  std::vector<std::int64_t> ids;
  double wait = 5;
};

void abandon(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, double wait) {
  const std::int64_t given_up = when_free(wait, [&] { return abandon_samples(campaign, ids); });
  std::cout << given_up << " samples are given up\n";
  if (given_up < static_cast<std::int64_t>(ids.size()))
    std::cout
        << "of samples with labels or under way none is: 'assay withdraw' takes labels back; one that was asked for "
           "is told as failed\n";
}

}  // namespace

Command add_abandon(CLI::App& app) {
  const auto options = std::make_shared<AbandonOptions>();
  CLI::App* command = app.add_subcommand("abandon", "give samples up: nobody waits for them any more");
  add_campaign(command, options->campaign);
  command->add_option("--id", options->ids, "these samples")->required();
  add_wait(command, options->wait);
  return {command, [options] {
            abandon(options->campaign, options->ids, options->wait);
            return 0;
          }};
}

}  // namespace assay::app
