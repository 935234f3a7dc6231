// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <set>
#include <sstream>
#include <system_error>
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
  try {
    for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(jobs), runs.size()); ++i) workers.emplace_back(work);
  } catch (const std::system_error&) {  // no more threads to be had: those that run do it all
    if (workers.empty()) throw;
  }
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

}  // namespace

void add_columns(CLI::App* command, ColumnChoice& columns) {
  const auto add = [&](const char* option, std::vector<std::string>& names, const char* help) {
    command->add_option(option, names, help)->allow_extra_args(false);
  };
  add("--target", columns.targets, "columns to predict, between commas; of a campaign, its learner's targets");
  add("--inputs", columns.inputs, "columns to predict from; without it all others");
  add("--drop", columns.drop, "columns that are no inputs");
  add("--categorical", columns.categorical, "columns whose cells are names of categories, numbers among them too");
  command->add_flag("--classify", columns.classify, "the target's numbers are classes (text always is)");
}

std::string own_program() { return std::filesystem::canonical("/proc/self/exe").string(); }

Json run_comparison(const CompareArguments& arguments, const std::vector<std::string>& command) {
  const CompareData data = read_compare_data(arguments.data, arguments.columns);
  require_varying(data, arguments.data);
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

}  // namespace assay::app
