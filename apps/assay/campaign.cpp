// SPDX-License-Identifier: Apache-2.0
// Campaigns from the shell: started from a configuration, run, or asked and told by files.
#include "commands.hpp"
#include "output.hpp"

#include <assay/config.hpp>
#include <assay/data/csv.hpp>
#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <iostream>
#include <map>

namespace assay::app {

namespace {

std::atomic<bool> stop_flag{false};

/// What schedulers send before they end a job stops a campaign so that it can be resumed.
void stop_on_signals(AnyDriver& driver) {
  for (const int signal : {SIGTERM, SIGUSR1}) std::signal(signal, [](int) { stop_flag = true; });
  driver.stop_when(stop_flag);
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

/// The id of a sample in a cell.
std::optional<SampleId> id_in(const std::string& cell) {
  const std::optional<double> number = csv_number(cell);
  if (!number || !(std::abs(*number) < 0x1p53) || *number != std::floor(*number)) return std::nullopt;
  return static_cast<SampleId>(*number);
}

/// Results as a file holds them: an outcome for each row.
class Results {
 public:
  Results(const AnyDriver& driver, const std::filesystem::path& file)
      : driver_(driver),
        table_(read_csv(file)),
        id_(csv_columns(table_, "id", file.string()).front()),
        status_(table_.find("status")),
        reason_(table_.find("reason")) {
    for (const std::string& name : driver.learner().targets())
      columns_[name] = csv_columns(table_, name, file.string());
  }

  std::size_t size() const { return table_.rows.size(); }
  std::string line(std::size_t row) const { return "line " + std::to_string(table_.lines[row]) + ": "; }

  /// Nothing after adding to `problems` why the row cannot be told.
  std::optional<Told> told(std::size_t row, std::vector<std::string>& problems) const {
    const std::vector<std::string>& cells = table_.rows[row];
    const std::optional<SampleId> id = id_in(cells[id_]);
    if (!id) {
      problems.push_back(line(row) + "id: expected a whole number, got '" + cells[id_] + "'");
      return std::nullopt;
    }
    const std::string status = status_ ? cells[*status_] : "done";
    if (status == "failed") {
      const bool said = reason_ && !cells[*reason_].empty();
      return Told{*id, failed(said ? cells[*reason_] : "told as failed")};
    }
    if (status == "infeasible") return Told{*id, infeasible(reason_ ? cells[*reason_] : "")};
    if (status != "done") {
      problems.push_back(line(row) + "status: expected done, failed or infeasible, got '" + status + "'");
      return std::nullopt;
    }
    Values labels;
    for (const auto& [name, columns] : columns_) {
      std::optional<torch::Tensor> numbers = csv_numbers(table_, row, columns, problems);
      if (!numbers) return std::nullopt;
      labels.set(name, assay::detail::told_target(driver_, name, std::move(*numbers)));
    }
    return Told{*id, done(std::move(labels))};
  }

 private:
  const AnyDriver& driver_;
  CsvTable table_;
  std::size_t id_;
  std::optional<std::size_t> status_, reason_;
  std::map<std::string, std::vector<std::size_t>> columns_;
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
                 const std::optional<std::int64_t>& rounds, bool json) {
  Json changes = Json::object();
  if (rounds) changes["max_rounds"] = *rounds;
  if (!wall_time.empty()) changes["wall_time"] = wall_time;
  AnyDriver driver = open_campaign(campaign, Registries(), changes);
  stop_on_signals(driver);
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
        const std::string& wall_time) {
  Json changes = Json::object();
  if (!wall_time.empty()) changes["wall_time"] = wall_time;
  AnyDriver driver = open_campaign(campaign, Registries(), changes);
  stop_on_signals(driver);
  std::vector<Sample> samples;
  RunStatus status = RunStatus::waiting;
  // Once more where labels from elsewhere answered all that was to be asked for.
  do {
    status = driver.advance();
    if (status == RunStatus::waiting) samples = again ? driver.asked() : driver.ask(count);
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
  put(out, to_csv({{"id", cells}}, batch_of(samples)));
  if (!again) driver.keep_asked(ids);  // nobody has those that could not be written
  if (!out.empty()) std::cout << samples.size() << " samples in " << out.string() << '\n';
  return 0;
}

void tell(const std::filesystem::path& campaign, const std::filesystem::path& file) {
  AnyDriver driver = open_campaign(campaign, Registries());
  const Results results(driver, file);
  std::vector<Told> told;
  std::vector<std::string> problems;
  for (std::size_t row = 0; row < results.size(); ++row) {
    if (std::optional<Told> one = results.told(row, problems)) told.push_back(std::move(*one));
  }
  if (!problems.empty()) {
    throw DataError({"assay.tell.rows", file.string(), "results of samples that were asked for", csv_listed(problems),
                     "nothing was told: mend the rows, and tell the whole file"});
  }
  std::int64_t labels = 0, failures = 0, refused = 0;
  for (std::size_t row = 0; row < told.size(); ++row) {
    try {
      const bool taken = driver.tell(told[row].id, told[row].outcome);
      ++(!told[row].outcome.labels ? failures : taken ? labels : refused);
    } catch (const LabelError& error) {
      problems.push_back(results.line(row) + error.what());
    }
  }
  std::cout << labels << " labels and " << failures << " failures are known, " << refused << " were refused\n";
  if (problems.empty()) return;
  throw DataError({"assay.tell.rows", file.string(), "results of samples that were asked for", csv_listed(problems),
                   "the other rows were told"});
}

void predict(const std::filesystem::path& campaign, const std::filesystem::path& inputs,
             const std::filesystem::path& out) {
  const bool exported = std::filesystem::exists(campaign / "learner.json");
  const Registries registries;
  std::optional<AnyDriver> driver;
  std::optional<AnyLearner> loaded;
  if (exported) {
    loaded.emplace(load_learner(campaign, registries));
  } else {
    driver.emplace(open_campaign(campaign, registries));
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
  put(out, to_csv({}, columns_out));
  if (!out.empty()) std::cout << table.rows.size() << " predictions in " << out.string() << '\n';
}

}  // namespace assay::app
