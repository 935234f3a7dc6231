// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "command.hpp"
#include "results.hpp"
#include "waiting.hpp"

#include <assay/config.hpp>
#include <assay/error.hpp>

#include <iostream>
#include <memory>
#include <optional>

namespace assay::app {

namespace {

struct TellOptions {
  std::filesystem::path campaign, results;
  double wait = 5;
};

/// Takes the outcomes of samples that were asked for: columns `id`, `attempt`, `status`, `reason`, and the targets.
/// Errors: `DataError` with the rows that could not be told, when the others are.
void tell(const std::filesystem::path& campaign, const std::filesystem::path& file, double wait) {
  AnyDriver driver = when_free(wait, [&] { return open_campaign(campaign, Registries()); });
  const Results results(driver, campaign, file);
  say_notes(results.table());
  std::vector<Told> told;
  std::vector<std::int64_t> rows;
  std::vector<std::string> problems;
  for (std::int64_t row = 0; row < results.size(); ++row) {
    if (results.is_superseded(row)) continue;
    if (std::optional<Told> one = results.told(row, problems)) {
      told.push_back(std::move(*one));
      rows.push_back(row);
    }
  }
  std::int64_t labels = 0, failures = 0, refused = 0;
  const std::vector<TellResult> came = driver.tell_each(told);
  for (std::size_t i = 0; i < came.size(); ++i) {
    switch (came[i].kind) {
      case TellResult::Kind::wrong: problems.push_back(results.line(rows[i]) + came[i].reason); break;
      case TellResult::Kind::refused:
        ++refused;
        if (!came[i].reason.empty()) std::cerr << "assay: " << results.line(rows[i]) << came[i].reason << '\n';
        break;
      case TellResult::Kind::taken:
      case TellResult::Kind::known: ++(told[i].outcome.labels ? labels : failures); break;
    }
  }
  std::cout << labels << " labels and " << failures << " failures are known, " << refused << " were refused\n";
  if (problems.empty()) return;
  throw DataError({"assay.tell.rows", file.string(), "results of samples that were asked for",
                   listed_problems(problems), "the other rows were told: mend these, and tell the file again"});
}

}  // namespace

Command add_tell(CLI::App& app) {
  const auto options = std::make_shared<TellOptions>();
  CLI::App* command = app.add_subcommand("tell", "take what came of samples that were asked for");
  add_campaign(command, options->campaign);
  command
      ->add_option("RESULTS", options->results,
                   "CSV with id, the targets, and as you like attempt, status (done, failed, infeasible) and reason")
      ->required();
  add_wait(command, options->wait);
  return {command, [options] {
            tell(options->campaign, options->results, options->wait);
            return 0;
          }};
}

}  // namespace assay::app
