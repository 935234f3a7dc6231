// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "session.hpp"
#include "settings.hpp"
#include "status_text.hpp"
#include "waiting.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/observer/console_log.hpp>
#include <assay/tools/status.hpp>

#include <iostream>
#include <memory>
#include <optional>

namespace assay::app {

namespace {

struct RunOptions {
  std::filesystem::path campaign;
  std::string wall_time;
  std::optional<std::int64_t> rounds;  ///< in all, from now on
  double wait = 0;
  std::vector<std::string> settings;
  bool json = false, quiet = false, verbose = false;
};

/// Adds an observer that shows the progress, or takes all of its kind away where all is to be quiet.
void watch(const RunOptions& options, Json& driver) {
  Json observers = Json::array();
  for (const Json& observer : driver.value("observers", Json::array())) {
    if (key_of(observer) != ConsoleLog::key) observers.push_back(observer);
  }
  if (!options.quiet) observers.push_back({{"type", ConsoleLog::key}, {"every_failure", options.verbose}});
  driver["observers"] = observers;
}

/// Changes the campaign's own configuration for this and all later sessions. It is open.
void keep(const RunOptions& options) {
  if (!options.rounds && options.settings.empty()) return;
  Json configuration = detail::kept_configuration(options.campaign);
  if (options.rounds) configuration["driver"]["max_rounds"] = *options.rounds;
  apply_settings(options.settings, configuration);
  detail::replace_file_durably(options.campaign / "campaign.json", configuration.dump(2) + "\n");
}

/// The campaign as its own file and the options have it.
AnyDriver open(const RunOptions& options) {
  Json configuration = detail::own_configuration(options.campaign);
  apply_settings(options.settings, configuration);
  Json& driver = configuration["driver"];
  if (options.rounds) driver["max_rounds"] = *options.rounds;
  if (!options.wall_time.empty()) driver["wall_time"] = options.wall_time;
  if (driver.is_object()) watch(options, driver);
  const Registries registries;
  return when_free(options.wait, [&] { return load_campaign(configuration, registries); });
}

/// Runs a campaign to its end, by its own `campaign.json`.
int run(const RunOptions& options) {
  const std::filesystem::path& campaign = options.campaign;
  std::optional<AnyDriver> driver(open(options));
  stop_on_signals(*driver);
  keep(options);
  const RunStatus status = is_told(campaign) ? driver->advance() : driver->run();
  if (status == RunStatus::waiting) {
    throw ConfigError({"assay.run.told", campaign.string(), "a campaign whose configuration says what simulates",
                       "one that is asked and told, with samples waiting", how_to_tell(campaign)});
  }
  if (options.json) std::cout << detail::json_text(driver->report()) << std::endl;
  driver.reset();
  if (!options.json && !options.quiet) std::cout << status_text(campaign, campaign_status(campaign)) << std::flush;
  if (status == RunStatus::finished) return 0;
  std::cerr << "assay: stopped; 'assay run " << campaign.string() << "' goes on\n";
  return stopped_code;
}

}  // namespace

Command add_run(CLI::App& app) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "run a campaign, or go on with it; 3: stopped before its end");
  add_campaign(command, options->campaign);
  command->add_option("--wall-time", options->wall_time, "stop in time for a job that ends this long from now")
      ->check(is_time());
  command->add_option("--rounds", options->rounds, "rounds in all from now on, in place of those it was started with");
  add_settings(command, options->settings);
  add_wait(command, options->wait);
  command->add_flag("--json", options->json, "end with one JSON object on stdout, in place of the summary");
  CLI::Option* quiet = command->add_flag("--quiet", options->quiet, "no progress and no summary");
  command->add_flag("--verbose", options->verbose, "a line for every simulation that failed")->excludes(quiet);
  return {command, [options] { return run(*options); }};
}

}  // namespace assay::app
