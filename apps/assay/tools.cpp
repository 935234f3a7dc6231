// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "commands.hpp"
#include "waiting.hpp"

#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/import_table.hpp>
#include <assay/tools/labels.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string_view>

namespace assay::app {

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

void retry(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, double wait) {
  const std::int64_t queued = when_free(
      wait, [&] { return retry_samples(campaign, ids.empty() ? std::nullopt : std::optional(ids)); });
  std::cout << queued << " samples are queued again; continue the campaign to have them simulated\n";
}

void abandon(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, double wait) {
  const std::int64_t given_up = when_free(wait, [&] { return abandon_samples(campaign, ids); });
  std::cout << given_up << " samples are given up\n";
  if (given_up < static_cast<std::int64_t>(ids.size()))
    std::cout << "of samples with labels or under way none is: 'assay withdraw' takes labels back\n";
}

void withdraw(const std::filesystem::path& campaign, const std::vector<std::int64_t>& ids, const std::string& where,
              const std::string& reason, bool abandon, double wait) {
  constexpr std::string_view by_solver = "solver=";
  if (!where.empty() && (!where.starts_with(by_solver) || where.size() == by_solver.size()))
    throw ConfigError({"assay.withdraw.where", "--where", "solver=VERSION", "'" + where + "'", ""});
  const Withdrawal what{
      .ids = ids, .solver = where.empty() ? "" : where.substr(by_solver.size()), .reason = reason, .abandon = abandon};
  const WithdrawalReport report = when_free(wait, [&] { return withdraw_labels(campaign, what); });
  std::cout << report.ids.size() << " labels are taken back";
  if (report.copies > 0) std::cout << ", " << report.copies << " of them copies";
  std::cout << "; their samples are " << (abandon ? "given up" : "queued again") << '\n';
  if (report.folded_in > 0)
    std::cout << "the learner learned from " << report.folded_in
              << " of them: continue the campaign to have it trained anew without them\n";
}

void import(const std::filesystem::path& campaign, const std::filesystem::path& other,
            const std::vector<std::string>& map) {
  std::map<std::string, std::string> columns;
  for (const std::string& pair : map) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos)
      throw ConfigError({"assay.import.map", "--map", "FIELD=COLUMN", "'" + pair + "'", ""});
    columns[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  const ImportReport report = std::filesystem::is_directory(other) ? import_labels(campaign, other)
                                                                   : import_table(
                                                                         campaign, other,
                                                                         [&](const std::vector<std::string>& names) {
                                                                           Table table = open_table(other, names);
                                                                           say_notes(table);
                                                                           return table;
                                                                         },
                                                                         columns);
  for (const std::string& line : report.refused) std::cout << "refused   " << line << '\n';
  std::cout << report.added << " labels added, " << report.known << " were there, " << report.refused.size()
            << " refused\n";
}

bool diff(const std::filesystem::path& a, const std::filesystem::path& b) {
  const std::optional<std::string> difference = first_difference(a, b);
  std::cout << difference.value_or("the campaigns came to the same") << '\n';
  return !difference;
}

}  // namespace assay::app
