// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "waiting.hpp"

#include <assay/error.hpp>
#include <assay/tools/labels.hpp>

#include <iostream>
#include <memory>
#include <string_view>

namespace assay::app {

namespace {

struct WithdrawOptions {
  std::filesystem::path campaign;
  std::vector<std::int64_t> ids;
  std::string where, reason;  ///< `solver=VERSION`, or empty
  bool abandon = false;
  double wait = 5;
};

void withdraw(const WithdrawOptions& options) {
  const std::string& where = options.where;
  constexpr std::string_view by_solver = "solver=";
  if (!where.empty() && (!where.starts_with(by_solver) || where.size() == by_solver.size()))
    throw ConfigError({"assay.withdraw.where", "--where", "solver=VERSION", "'" + where + "'", ""});
  const Withdrawal what{.ids = options.ids,
                        .solver = where.empty() ? "" : where.substr(by_solver.size()),
                        .reason = options.reason,
                        .abandon = options.abandon};
  const WithdrawalReport report = when_free(options.wait, [&] { return withdraw_labels(options.campaign, what); });
  std::cout << report.ids.size() << " labels are taken back";
  if (report.copies > 0) std::cout << ", " << report.copies << " of them copies";
  std::cout << "; their samples are " << (options.abandon ? "given up" : "queued again") << '\n';
  if (report.folded_in > 0)
    std::cout << "the learner learned from " << report.folded_in
              << " of them: continue the campaign to have it trained anew without them\n";
}

}  // namespace

Command add_withdraw(CLI::App& app) {
  const auto options = std::make_shared<WithdrawOptions>();
  CLI::App* command = app.add_subcommand("withdraw", "take labels back that turned out to be wrong");
  add_campaign(command, options->campaign);
  CLI::Option_group* whose = command->add_option_group("whose");
  whose->add_option("--id", options->ids, "of these samples");
  whose->add_option("--where", options->where, "solver=VERSION: all that this version of the solver computed");
  whose->require_option(1);
  command->add_flag("--abandon", options->abandon, "give their samples up; else they are queued again");
  command->add_option("--reason", options->reason, "kept with the labels");
  add_wait(command, options->wait);
  return {command, [options] {
            withdraw(*options);
            return 0;
          }};
}

}  // namespace assay::app
