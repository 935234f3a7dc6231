// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "session.hpp"
#include "waiting.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>

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
  bool json = false;
};

/// Lets the campaign have so many rounds from now on, in every session. It is open.
void keep_rounds(const std::filesystem::path& campaign, std::int64_t rounds) {
  const std::filesystem::path file = campaign / "campaign.json";
  Json configuration = parse_json(assay::detail::read_own_file(file), file.string());
  configuration["driver"]["max_rounds"] = rounds;
  assay::detail::replace_file_durably(file, configuration.dump(2) + "\n");
}

/// Runs a campaign to its end, by its own `campaign.json`.
int run(const RunOptions& options) {
  const std::filesystem::path& campaign = options.campaign;
  Json changes = Json::object();
  if (options.rounds) changes["max_rounds"] = *options.rounds;
  if (!options.wall_time.empty()) changes["wall_time"] = options.wall_time;
  AnyDriver driver = when_free(options.wait, [&] { return open_campaign(campaign, Registries(), changes); });
  stop_on_signals(driver);
  if (options.rounds) keep_rounds(campaign, *options.rounds);
  const bool told = is_told(campaign);
  const RunStatus status = told ? driver.advance() : driver.run();
  if (status == RunStatus::waiting) {
    throw ConfigError({"assay.run.told", campaign.string(), "a campaign whose configuration says what simulates",
                       "one that is asked and told, with samples waiting", how_to_tell(campaign)});
  }
  if (options.json) std::cout << detail::json_text(driver.report()) << std::endl;
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
  add_wait(command, options->wait);
  command->add_flag("--json", options->json, "end with one JSON object on stdout");
  return {command, [options] { return run(*options); }};
}

}  // namespace assay::app
