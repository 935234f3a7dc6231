// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "results.hpp"
#include "waiting.hpp"

#include <assay/config.hpp>
#include <assay/data/csv.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

namespace assay::app {

namespace {

struct TellOptions {
  std::filesystem::path campaign, results;
  double wait = 5;
};

/// The whole number in a cell.
std::optional<std::int64_t> whole_in(const std::string& cell) {
  const std::optional<double> number = csv_number(cell);
  if (!number || !(std::abs(*number) < 0x1p53) || *number != std::floor(*number)) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

/// Results as a file holds them: an outcome for each row.
class Results {
 public:
  Results(const AnyDriver& driver, const std::filesystem::path& file)
      : known_(driver.target_schema()),
        table_(read_csv(file)),
        id_(csv_columns(table_, "id", file.string()).front()),
        attempt_(is_input(driver, attempt_column) ? std::nullopt : table_.find(attempt_column)),
        solver_(table_.find("solver")),
        status_(table_.find("status")),
        reason_(table_.find("reason")) {
    if (has_labels()) {
      for (const std::string& name : driver.learner().targets())
        columns_[name] = csv_columns(table_, name, file.string());
    }
    for (std::size_t row = 0; row < size(); ++row) {
      if (const std::optional<SampleId> id = whole_in(table_.rows[row][id_])) last_row_[*id] = row;
    }
  }

  std::size_t size() const { return table_.rows.size(); }
  std::string line(std::size_t row) const { return "line " + std::to_string(table_.lines[row]) + ": "; }
  /// Whether a later row tells of the same sample: a file that grows says last what holds.
  bool is_superseded(std::size_t row) const {
    const std::optional<SampleId> id = whole_in(table_.rows[row][id_]);
    return id && last_row_.at(*id) != row;
  }

  /// Nothing after adding to `problems` why the row cannot be told.
  std::optional<Told> told(std::size_t row, std::vector<std::string>& problems) const {
    const std::optional<std::int64_t> id = whole(row, id_, problems);
    if (!id) return std::nullopt;
    Told told{.id = *id, .outcome = {}};
    if (attempt_ && !cell(row, *attempt_).empty()) {
      const std::optional<std::int64_t> attempt = whole(row, *attempt_, problems);
      if (!attempt) return std::nullopt;
      told.attempt = static_cast<int>(std::clamp<std::int64_t>(*attempt, -1, std::numeric_limits<int>::max()));
    }
    if (solver_) told.solver = cell(row, *solver_);
    const std::string status = status_ ? cell(row, *status_) : "done", reason = reason_ ? cell(row, *reason_) : "";
    if (status == "done") {
      std::optional<Values> labels = labels_in(row, problems);
      if (!labels) return std::nullopt;
      told.outcome = done(std::move(*labels));
    } else if (status == "failed") {
      told.outcome = failed(reason.empty() ? "told as failed" : reason);
    } else if (status == "infeasible") {
      told.outcome = infeasible(reason);
    } else {
      problems.push_back(line(row) + "status: expected done, failed or infeasible, got '" + status + "'");
      return std::nullopt;
    }
    return told;
  }

 private:
  static bool is_input(const AnyDriver& driver, const std::string& name) {
    const std::vector<std::string> inputs = driver.learner().inputs();
    return std::find(inputs.begin(), inputs.end(), name) != inputs.end();
  }

  const std::string& cell(std::size_t row, std::size_t column) const { return table_.rows[row][column]; }

  bool has_labels() const {
    return !status_ || std::any_of(table_.rows.begin(), table_.rows.end(),
                                   [&](const std::vector<std::string>& cells) { return cells[*status_] == "done"; });
  }

  std::optional<std::int64_t> whole(std::size_t row, std::size_t column, std::vector<std::string>& problems) const {
    const std::optional<std::int64_t> number = whole_in(cell(row, column));
    if (!number)
      problems.push_back(line(row) + table_.names[column] + ": expected a whole number, got '" + cell(row, column) +
                         "'");
    return number;
  }

  std::optional<Values> labels_in(std::size_t row, std::vector<std::string>& problems) const {
    Values labels;
    for (const auto& [name, columns] : columns_) {
      std::optional<torch::Tensor> numbers = csv_numbers(table_, row, columns, problems);
      if (!numbers) return std::nullopt;
      labels.set(name, assay::detail::told_target(known_, name, std::move(*numbers)));
    }
    return labels;
  }

  Schema known_;
  CsvTable table_;
  std::size_t id_;
  std::optional<std::size_t> attempt_, solver_, status_, reason_;
  std::map<std::string, std::vector<std::size_t>> columns_;
  std::unordered_map<SampleId, std::size_t> last_row_;
};

/// Takes the outcomes of samples that were asked for: columns `id`, `attempt`, `status`, `reason`, and the targets.
/// Errors: `DataError` with the rows that could not be told, when the others are.
void tell(const std::filesystem::path& campaign, const std::filesystem::path& file, double wait) {
  AnyDriver driver = when_free(wait, [&] { return open_campaign(campaign, Registries()); });
  const Results results(driver, file);
  std::vector<Told> told;
  std::vector<std::size_t> rows;
  std::vector<std::string> problems;
  for (std::size_t row = 0; row < results.size(); ++row) {
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
  throw DataError({"assay.tell.rows", file.string(), "results of samples that were asked for", csv_listed(problems),
                   "the other rows were told: mend these, and tell the file again"});
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
