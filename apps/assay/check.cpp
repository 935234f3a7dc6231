// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <assay/detail/utf8.hpp>
#include <assay/json.hpp>
#include <assay/tools/check.hpp>

#include <iostream>
#include <memory>

namespace assay::app {

namespace {

struct CheckOptions {
  std::filesystem::path campaign;
  bool repair = false, json = false;
};

/// Prints what `check_campaign` or, with `repair`, `repair_campaign` found. \return false if problems are left.
bool check(const std::filesystem::path& campaign, bool repair, bool json) {
  const CheckReport report = repair ? repair_campaign(campaign) : check_campaign(campaign);
  if (json) {
    std::cout << detail::json_text({{"problems", report.problems},
                                    {"notes", report.notes},
                                    {"repairs", report.repairs},
                                    {"labels", report.labels}},
                                   2)
              << '\n';
  } else {
    for (const std::string& repaired : report.repairs) std::cout << "repaired  " << repaired << '\n';
    for (const std::string& problem : report.problems) std::cout << "problem   " << problem << '\n';
    for (const std::string& note : report.notes) std::cout << "note      " << note << '\n';
    std::cout << report.labels << " labels, "
              << (report.problems.empty() ? std::string("everything is as it was written")
                                          : std::to_string(report.problems.size()) + " problems")
              << '\n';
    if (!report.problems.empty() && !repair) std::cout << "'assay check --repair' mends what can be mended\n";
  }
  return report.problems.empty();
}

}  // namespace

Command add_check(CLI::App& app) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand("check", "checksums, ledger, label files and checkpoints against each other");
  add_campaign(command, options->campaign);
  command->add_flag("--repair", options->repair, "rebuild what is damaged from what is not");
  command->add_flag("--json", options->json, "one JSON object");
  return {command, [options] { return check(options->campaign, options->repair, options->json) ? 0 : 1; }};
}

}  // namespace assay::app
