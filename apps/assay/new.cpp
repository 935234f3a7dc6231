// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "proposed.hpp"
#include "session.hpp"
#include "settings.hpp"

#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/surrogate.hpp>

#include <iostream>
#include <memory>
#include <utility>

namespace assay::app {

namespace {

struct NewOptions {
  std::filesystem::path campaign, config;
  std::vector<std::string> settings;
};

/// Starts a campaign from a configuration file; without a label strategy it is one to ask and tell.
void start(const NewOptions& options) {
  const std::filesystem::path& campaign = options.campaign;
  Json configuration = parse_json(detail::read_file(options.config, longest_json), options.config.string());
  apply_settings(options.settings, configuration);
  const Registries registries;
  const std::vector<std::string> proposed = propose(configuration, registries);
  const AnyDriver driver = detail::start_configured(campaign, std::move(configuration), options.config.parent_path(),
                                                    registries);
  std::cout << campaign.string() << " is made: " << driver.unlabeled().size() << " candidates";
  if (driver.to_label_first() > 0) std::cout << ", " << driver.to_label_first() << " samples to simulate first";
  const std::pair<const char*, std::int64_t> given[] = {{" labeled samples to train on", driver.labeled().size()},
                                                        {" for validation", driver.validation().size()},
                                                        {" for tests", driver.test().size()}};
  for (const auto& [what, count] : given) {
    if (count > 0) std::cout << ", " << count << what;
  }
  for (const std::string& line : proposed) std::cout << "\nproposed: " << line;
  const Json spec = driver.learner().spec();
  const std::string learner = assay::detail::innermost_learner(spec).value("type", "");
  if (!Surrogate::loads(learner))
    std::cout << "\nnote: a surrogate of type '" << learner
              << "' can be asked where LibTorch is, not by assay::Surrogate in a solver without it";
  std::cout << "\nnext: "
            << (is_told(campaign) ? how_to_tell(campaign) : "'assay run " + campaign.string() + "' runs it") << '\n';
}

}  // namespace

Command add_new(CLI::App& app) {
  const auto options = std::make_shared<NewOptions>();
  CLI::App* command = app.add_subcommand("new", "start a campaign from a configuration");
  command->add_option("CAMPAIGN", options->campaign, "campaign directory, to be made")->required();
  command->add_option("--config", options->config, "JSON file; 'driver/dir' and 'label' may be left out")->required();
  add_settings(command, options->settings);
  return {command, [options] {
            start(*options);
            return 0;
          }};
}

}  // namespace assay::app
