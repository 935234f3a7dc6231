// SPDX-License-Identifier: Apache-2.0
// Campaigns from the shell: started from a configuration, run, or asked and told by files.
#include "commands.hpp"
#include "output.hpp"
#include "waiting.hpp"

#include <assay/config.hpp>
#include <assay/data/csv.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <iostream>
#include <limits>
#include <map>
#include <unordered_map>

namespace assay::app {

namespace {

std::atomic<bool> stop_flag{false};

/// What schedulers send before they end a job, Ctrl-C, and the end of the terminal stop a campaign so that it can be
/// resumed, with nothing left running. What this process was told to ignore, as by nohup, it goes on ignoring.
void stop_on_signals(AnyDriver& driver) {
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT, SIGHUP}) {
    if (std::signal(signal, [](int) { stop_flag = true; }) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  driver.stop_when(stop_flag);
}

/// Lets the campaign have so many rounds from now on, in every session. It is open.
void keep_rounds(const std::filesystem::path& campaign, std::int64_t rounds) {
  const std::filesystem::path file = campaign / "campaign.json";
  Json configuration = parse_json(assay::detail::read_own_file(file), file.string());
  configuration["driver"]["max_rounds"] = rounds;
  assay::detail::replace_file_durably(file, configuration.dump(2) + "\n");
}

/// Whether nothing simulates for the campaign: its samples are asked for, and told.
bool is_told(const std::filesystem::path& campaign) {
  const std::filesystem::path file = campaign / "campaign.json";
  const Json configuration = parse_json(detail::read_own_file(file), file.string());
  return configuration.value("/label/type"_json_pointer, "") == ExternalLabel::key;
}

/// What to do with a campaign that has samples to simulate and nothing that simulates.
std::string how_to_tell(const std::filesystem::path& campaign) {
  return "'assay ask " + campaign.string() + " -n 8 --out batch.csv' gives samples to simulate, 'assay tell " +
         campaign.string() + " results.csv' takes what came of them";
}

/// A batch of samples, in the same fields each.
Values batch_of(const std::vector<Sample>& samples) {
  std::vector<Values> rows;
  for (const Sample& sample : samples) rows.push_back(sample.values);
  return stack(rows);
}

/// The name of the column that tells attempts apart, unless a field of the samples is called so.
constexpr const char* attempt_column = "attempt";

/// Samples as a file holds them: behind their fields the attempt that each is out for, so that what comes of it can be
/// told apart from what came of others.
Values asked_batch(const AnyDriver& driver, const std::vector<Sample>& samples) {
  Values batch = batch_of(samples);
  if (batch.contains(attempt_column)) return batch;
  std::vector<SampleId> ids;
  for (const Sample& sample : samples) ids.push_back(sample.id);
  const std::vector<int> numbers = driver.attempts(ids);
  batch.set(attempt_column, at::tensor(std::vector<std::int64_t>(numbers.begin(), numbers.end()), torch::kInt64));
  return batch;
}

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

}  // namespace

void start_campaign(const std::filesystem::path& campaign, const std::filesystem::path& config) {
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

int run_campaign(const std::filesystem::path& campaign, const std::string& wall_time,
                 const std::optional<std::int64_t>& rounds, double wait, bool json) {
  Json changes = Json::object();
  if (rounds) changes["max_rounds"] = *rounds;
  if (!wall_time.empty()) changes["wall_time"] = wall_time;
  AnyDriver driver = when_free(wait, [&] { return open_campaign(campaign, Registries(), changes); });
  stop_on_signals(driver);
  if (rounds) keep_rounds(campaign, *rounds);
  const bool told = is_told(campaign);
  const RunStatus status = told ? driver.advance() : driver.run();
  if (status == RunStatus::waiting) {
    throw ConfigError({"assay.run.told", campaign.string(), "a campaign whose configuration says what simulates",
                       "one that is asked and told, with samples waiting", how_to_tell(campaign)});
  }
  if (json) std::cout << detail::json_text(driver.report()) << std::endl;
  if (status == RunStatus::finished) return 0;
  std::cerr << "assay: stopped; 'assay run " << campaign.string() << "' goes on\n";
  return stopped_code;
}

int ask(const std::filesystem::path& campaign, std::int64_t count, bool again, const std::filesystem::path& out,
        const std::string& wall_time, double wait) {
  Json changes = Json::object();
  if (!wall_time.empty()) changes["wall_time"] = wall_time;
  AnyDriver driver = when_free(wait, [&] { return open_campaign(campaign, Registries(), changes); });
  stop_on_signals(driver);
  std::vector<Sample> samples;
  RunStatus status = RunStatus::waiting;
  // Once more where labels from elsewhere answered all that was to be asked for.
  do {
    status = driver.advance();
    if (status == RunStatus::waiting) samples = again ? driver.asked() : driver.ask(count, Asked::until_kept);
  } while (status == RunStatus::waiting && !again && samples.empty() && driver.asked().empty());
  if (status == RunStatus::stopped) {
    std::cerr << "assay: stopped; the same command goes on\n";
    return stopped_code;
  }
  if (status == RunStatus::finished) {
    std::cerr << "assay: nothing to ask for: the campaign has finished ("
              << driver.report().at("finished_by").get<std::string>() << ")\n";
    return nothing_code;
  }
  if (samples.empty()) {
    std::cerr << "assay: nothing to ask for: " << driver.asked().size() << " samples are out and not told\n";
    return nothing_code;
  }
  std::vector<std::string> cells;
  std::vector<SampleId> ids;
  for (const Sample& sample : samples) {
    ids.push_back(sample.id);
    cells.push_back(std::to_string(sample.id));
  }
  put(out, to_csv({{"id", cells}}, asked_batch(driver, samples)));
  if (!again) driver.keep_asked(ids);  // nobody has those that could not be written
  if (!out.empty()) std::cout << samples.size() << " samples in " << out.string() << '\n';
  return 0;
}

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

void predict(const std::filesystem::path& campaign, const std::filesystem::path& inputs,
             const std::filesystem::path& out, double wait) {
  const bool exported = std::filesystem::exists(campaign / "learner.json");
  const Registries registries;
  std::optional<AnyDriver> driver;
  std::optional<AnyLearner> loaded;
  if (exported) {
    loaded.emplace(load_learner(campaign, registries));
  } else {
    driver.emplace(when_free(wait, [&] { return open_campaign(campaign, registries); }));
  }
  const AnyLearner& learner = loaded ? *loaded : driver->learner();
  const CsvTable table = read_csv(inputs);
  if (table.rows.empty()) throw DataError({"assay.predict.rows", inputs.string(), "rows to predict", "none", ""});
  std::map<std::string, std::string> fields;
  for (const std::string& name : learner.inputs()) fields[name] = name;
  const Values batch = csv_batch(table, fields, inputs.string()).pick(learner.inputs());
  const torch::NoGradGuard no_gradients;
  Values columns_out = batch;
  columns_out.merge(learner.predict(batch));
  if (learner.capabilities().has(Capability::variance)) {
    for (const auto& [name, variance] : learner.variance(batch)) columns_out.set(name + ".std", variance.sqrt());
  }
  require_finite(columns_out, "predictions for " + inputs.string());
  put(out, to_csv({}, columns_out));
  if (!out.empty()) std::cout << table.rows.size() << " predictions in " << out.string() << '\n';
}

}  // namespace assay::app
