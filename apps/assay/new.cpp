// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "session.hpp"

#include <assay/detail/asked_campaign.hpp>

#include <iostream>
#include <memory>
#include <utility>

namespace assay::app {

namespace {

struct NewOptions {
  std::filesystem::path campaign, config;
};

/// Starts a campaign from a configuration file; without a label strategy it is one to ask and tell.
void start(const std::filesystem::path& campaign, const std::filesystem::path& config) {
  const AnyDriver driver = assay::detail::start_asked_campaign(campaign, config, Registries());
  std::cout << campaign.string() << " is made: " << driver.unlabeled().size() << " candidates";
  if (driver.to_label_first() > 0) std::cout << ", " << driver.to_label_first() << " samples to simulate first";
  const std::pair<const char*, std::int64_t> given[] = {{" labeled samples to train on", driver.labeled().size()},
                                                        {" for validation", driver.validation().size()},
                                                        {" for tests", driver.test().size()}};
  for (const auto& [what, count] : given) {
    if (count > 0) std::cout << ", " << count << what;
  }
  std::cout << "\nnext: "
            << (is_told(campaign) ? how_to_tell(campaign) : "'assay run " + campaign.string() + "' runs it") << '\n';
}

}  // namespace

Command add_new(CLI::App& app) {
  const auto options = std::make_shared<NewOptions>();
  CLI::App* command = app.add_subcommand("new", "start a campaign from a configuration");
  command->add_option("CAMPAIGN", options->campaign, "campaign directory, to be made")->required();
  command->add_option("--config", options->config, "JSON file; 'driver/dir' and 'label' may be left out")->required();
  return {command, [options] {
            start(options->campaign, options->config);
            return 0;
          }};
}

}  // namespace assay::app
