// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include "commands.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

namespace assay::app {

namespace {

using Run = std::pair<std::string, std::int64_t>;  // strategy and seed

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// A design's later report may have files for more seeds, or for fewer.
bool same_strategy(Json before, Json now) {
  if (before.contains("files") && now.contains("files")) {
    for (const auto& item : before.at("files").items()) {
      if (now.at("files").value(item.key(), item.value()) != item.value()) return false;
    }
    before.erase("files");
    now.erase("files");
  }
  return before == now;
}

/// The rows of an earlier report. Errors: `ConfigError` `assay.compare.report` for results of something else.
std::vector<Json> earlier_rows(const std::filesystem::path& report, const Json& plan) {
  std::vector<Json> rows;
  if (!std::filesystem::exists(report)) return rows;
  const auto other = [&](const std::string& got) {
    return ConfigError({"assay.compare.report", report.string(), "results of this comparison, to go on with", got,
                        "name another --report, or delete the file"});
  };
  for (const std::string& line : lines_of(detail::read_file(report))) {
    const Json row = Json::parse(line, nullptr, false);
    if (row.is_discarded()) continue;  // the line a kill cut short
    if (row.contains("plan")) {
      Json before = row.at("plan"), now = plan;
      for (const auto& item : before.at("strategies").items()) {
        if (now.at("strategies").contains(item.key()) &&
            !same_strategy(item.value(), now.at("strategies").at(item.key()))) {
          throw other("another '" + item.key() + "'");
        }
      }
      before.erase("strategies");
      now.erase("strategies");
      if (before != now) throw other("results of other data or options");
    } else if (row.contains("round")) {
      rows.push_back(row);
    }
  }
  return rows;
}

/// Runs this program once more for one campaign: every campaign has the generators and threads of a process to itself.
std::string run_process(const std::vector<std::string>& command, const Run& run) {
  std::string line = "OMP_NUM_THREADS=1 exec";
  const auto add = [&](const std::string& word) {
    line += " '";
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  };
  for (const std::string& word : command) add(word);
  for (const std::string& word : {std::string("--run"), run.first + ":" + std::to_string(run.second)}) add(word);
  FILE* pipe = ::popen(line.c_str(), "r");
  if (!pipe) throw DataError({"assay.compare.process", run.first, "to start a process", "none", ""});
  std::string output;
  std::array<char, 4096> buffer{};
  for (std::size_t read = 0; (read = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), read);
  }
  if (::pclose(pipe) == 0) return output;
  throw DataError({"assay.compare.process", "strategy " + run.first + ", seed " + std::to_string(run.second),
                   "a campaign that runs to its end", "an error, above", ""});
}

void print_row(const CompareArguments& arguments, const CompareData& data, const Json& plan) {
  const std::size_t colon = arguments.run.rfind(':');
  at::set_num_threads(1);
  run_campaign(arguments, data, plan, arguments.run.substr(0, colon), std::stoll(arguments.run.substr(colon + 1)),
               [](const Json& row) { std::cout << row.dump() << std::endl; });
}

/// The campaigns that the rows of a report do not hold whole.
std::vector<Run> missing_runs(const CompareArguments& arguments, const Json& plan, const std::vector<Json>& rows) {
  std::map<Run, std::set<std::int64_t>> known;
  for (const Json& row : rows) {
    known[{row.at("strategy").get<std::string>(), row.at("seed").get<std::int64_t>()}].insert(
        row.at("round").get<std::int64_t>());
  }
  std::vector<Run> runs;
  for (std::int64_t seed = 0; seed < arguments.seeds; ++seed) {
    for (const auto& item : plan.at("strategies").items()) {
      const Run run{item.key(), seed};
      if (known[run].size() != static_cast<std::size_t>(arguments.rounds + 1)) runs.push_back(run);
    }
  }
  return runs;
}

/// Runs the campaigns, `jobs` at once, and adds what they print to report and rows as each ends.
void run_all(const std::vector<Run>& runs, const std::vector<std::string>& command, std::int64_t jobs,
             detail::AppendFile& report, std::vector<Json>& rows) {
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  std::size_t finished = 0;
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < runs.size(); i = next++) {
      try {
        const std::string output = run_process(command, runs[i]);
        const std::lock_guard lock(mutex);
        for (const std::string& line : lines_of(output)) {
          report.append(line);
          rows.push_back(Json::parse(line));
        }
        std::cerr << '[' << ++finished << '/' << runs.size() << "] " << runs[i].first << ", seed " << runs[i].second
                  << (rows.back().contains("rmse") ? ": RMSE " + rows.back().at("rmse").dump()
                                                   : ": accuracy " + rows.back().at("accuracy").dump())
                  << '\n';
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = runs.size();
      }
    }
  };
  if (jobs == 0) jobs = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(jobs), runs.size()); ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

/// Says what is learnt from what: columns that nobody meant would change the answer.
void say_columns(const CompareData& data) {
  constexpr std::size_t most = 20;
  const auto listed = [&](const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
    return names.size() > most ? text + ", … (" + std::to_string(names.size()) + ")" : text;
  };
  for (const std::string& note : data.notes) std::cerr << "assay: " << note << '\n';
  std::cerr << "inputs " << listed(data.inputs) << "; targets " << listed(data.targets) << '\n';
}

/// Runs what the report lacks. \return the summary.
Json run_comparison(const CompareArguments& arguments, const std::vector<std::string>& command) {
  const CompareData data = read_compare_data(arguments.data, arguments.columns);
  say_columns(data);
  const Json plan = compare_plan(arguments, data);
  if (plan.at("strategies").empty()) {
    throw ConfigError({"assay.config.required", "--strategies", "at least one strategy", "none", ""});
  }
  std::vector<Json> rows;
  std::vector<Run> runs;
  detail::restoring(arguments.report.string(), [&] {
    rows = earlier_rows(arguments.report, plan);
    runs = missing_runs(arguments, plan, rows);
  });
  const std::size_t all = plan.at("strategies").size() * static_cast<std::size_t>(arguments.seeds);
  if (runs.size() < all) std::cerr << all - runs.size() << " campaigns are in the report already\n";
  detail::AppendFile report(arguments.report);
  report.append(Json{{"plan", plan}}.dump());
  run_all(runs, command, arguments.jobs, report, rows);
  Json summary = summarise(plan, rows, arguments.goal);
  report.append(Json{{"summary", summary}}.dump());
  const std::filesystem::path plot = arguments.plot.empty()
                                         ? std::filesystem::path(arguments.report).replace_extension(".svg")
                                         : arguments.plot;
  detail::write_file(plot, summary_svg(summary));
  return summary;
}

}  // namespace

void compare(const CompareArguments& arguments, const std::vector<std::string>& command) {
  if (arguments.run.empty()) {
    std::cout << summary_text(run_comparison(arguments, command));
  } else {
    const CompareData data = read_compare_data(arguments.data, arguments.columns);
    print_row(arguments, data, compare_plan(arguments, data));
  }
}

namespace {

/// What is tried for a recommendation.
struct Trial {
  std::vector<std::string> learners;
  Json strategies;
  std::vector<std::pair<std::string, std::string>> simple;  ///< see `judge`
};

Trial trial_of(bool classify) {
  const Json inputs{{"of", "inputs"}, {"unit_length", false}};
  if (classify) {
    return {.learners = {"ensemble", "mlp"},
            .strategies = {{"random", {{"type", "random"}}},
                           {"typical_inputs", {{"type", "typiclust"}, {"features", inputs}}},
                           {"margin", {{"type", "margin"}}},
                           {"badge", {{"type", "badge"}}}},
            .simple = {{"random", "random choice"}, {"typical_inputs", "choosing typical inputs"}}};
  }
  return {.learners = {"gaussian_process", "ensemble"},
          .strategies = {{"random", {{"type", "random"}}},
                         {"space_filling", {{"type", "greedy_sampling"}, {"space", "inputs"}}},
                         {"greedy_sampling", {{"type", "greedy_sampling"}}},
                         {"variance", {{"type", "variance"}, {"diversity", 4}}},
                         {"lcmd", {{"type", "lcmd"}}}},
          .simple = {{"random", "random choice"}, {"space_filling", "space-filling"}}};
}

}  // namespace

void recommend(const RecommendArguments& asked, const std::string& program) {
  const CompareData data = read_compare_data(asked.data, asked.columns);
  const Trial trial = trial_of(!data.classes.empty());
  detail::make_directories_durably(asked.dir);
  const std::filesystem::path config = asked.dir / "strategies.json";
  detail::write_file(config, Json{{"strategies", trial.strategies}}.dump(2));
  std::map<std::string, Json> summaries;
  for (const std::string& learner : trial.learners) {
    CompareArguments arguments{.data = asked.data, .config = config, .report = asked.dir / (learner + ".jsonl")};
    arguments.learner = learner;
    arguments.columns = asked.columns;
    arguments.seeds = asked.seeds;
    arguments.jobs = asked.jobs;
    // A third of the samples is left to choose from in the end, or there would be no choice. A Gaussian process grows
    // with the cube of its labels, and says what it has to say below a few hundred.
    const std::int64_t budget = asked.labels > 0 ? asked.labels : std::min<std::int64_t>(data.x.size(0) * 2 / 5, 400);
    arguments.initial = std::max<std::int64_t>(2, budget / 5);
    arguments.rounds = 4;
    arguments.batch = asked.batch > 0 ? asked.batch : std::max<std::int64_t>(1, budget / 5);
    if (asked.batch > 0) arguments.rounds = std::max<std::int64_t>(1, (budget - arguments.initial) / arguments.batch);
    std::vector<std::string> command{program,     "compare",
                                     "--data",    asked.data.string(),
                                     "--config",  config,
                                     "--learner", learner,
                                     "--initial", std::to_string(arguments.initial),
                                     "--batch",   std::to_string(arguments.batch),
                                     "--rounds",  std::to_string(arguments.rounds)};
    for (const auto& [option, columns] : {std::pair{"--target", &asked.columns.targets},
                                          {"--inputs", &asked.columns.inputs},
                                          {"--drop", &asked.columns.drop},
                                          {"--categorical", &asked.columns.categorical}}) {
      for (const std::string& column : *columns) command.insert(command.end(), {option, column});
    }
    if (asked.columns.classify) command.emplace_back("--classify");
    std::cerr << learner << ": " << arguments.initial << " labels, then " << arguments.rounds << " batches of "
              << arguments.batch << '\n';
    summaries[learner] = run_comparison(arguments, command);
  }
  const Json judgement = judge(summaries, trial.simple);
  if (asked.json) {
    std::cout << detail::json_text(judgement, 2) << '\n';
    return;
  }
  for (const auto& [learner, summary] : summaries) std::cout << learner << '\n' << summary_text(summary) << '\n';
  for (const Json& line : judgement.at("advice")) std::cout << line.get<std::string>() << '\n';
}

}  // namespace assay::app
