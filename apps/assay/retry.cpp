// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "waiting.hpp"

#include <assay/tools/labels.hpp>

#include <iostream>
#include <memory>
#include <optional>

namespace assay::app {

namespace {

struct RetryOptions {
  std::filesystem::path campaign;
  bool failed = false;
  std::vector<std::int64_t> ids;
  double wait = 5;
};

/// Queues samples again; without ids all that failed.
void retry(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, double wait) {
  const std::int64_t queued = when_free(
      wait, [&] { return retry_samples(campaign, ids.empty() ? std::nullopt : std::optional(ids)); });
  std::cout << queued << " samples are queued again; continue the campaign to have them simulated\n";
}

}  // namespace

Command add_retry(CLI::App& app) {
  const auto options = std::make_shared<RetryOptions>();
  CLI::App* command = app.add_subcommand("retry", "queue samples again that failed");
  add_campaign(command, options->campaign);
  CLI::Option_group* which = command->add_option_group("which");
  which->add_flag("--failed", options->failed, "all that failed");
  which->add_option("--id", options->ids, "these samples");
  which->require_option(1);
  add_wait(command, options->wait);
  return {command, [options] {
            retry(options->campaign, options->ids, options->wait);
            return 0;
          }};
}

}  // namespace assay::app
