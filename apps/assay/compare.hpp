// SPDX-License-Identifier: Apache-2.0
// The parts of `assay compare`: offline campaigns on data that is labeled already.
#pragma once

#include <CLI/CLI.hpp>

#include <assay/data/values.hpp>
#include <assay/json.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace assay::app {

/// Which columns of labeled data are what. Each text is the name of a column or field, or several between commas.
struct ColumnChoice {
  std::vector<std::string> targets, inputs, drop, categorical;
  bool classify = false;
};
void add_columns(CLI::App* command, ColumnChoice& columns);

struct CompareArguments {
  std::filesystem::path data, test_data, config, report = "compare.jsonl", plot;
  std::string learner = "mlp", run;
  std::vector<std::string> strategies;
  ColumnChoice columns;
  std::int64_t seeds = 10, initial = 256, batch = 256, rounds = 16, validation = -1, seed = 0, jobs = 0;
  double test = 0.2, goal = 0.95;
};

/// Samples with inputs `x` [n, d] and targets `y` [n, k], float64; of a classification, `y` [n, 1] holds positions in
/// `classes`. A sample that lacks a target (NaN) is a simulation that failed: it can be chosen, and teaches nothing.
struct CompareData {
  torch::Tensor x, y;
  torch::Tensor done;  ///< [n] bool: which have all targets
  std::vector<std::string> inputs, targets, classes;
  std::vector<std::string> notes;  ///< what was left out, a line each
};

/// Reads a file as `open_table` does, or the samples that a campaign in a directory has learnt from. Without a choice
/// of inputs, all fields but the targets are some. A column of texts without a number among them becomes one column a
/// value, a target of such texts is a classification; so are columns that are said to be categorical, and a target with
/// `classify`. A target's empty cell or NaN is a missing one, of a regression.
/// Errors: as `open_table`; `DataError` `assay.compare.data`, and `assay.table.cells` with every cell that is neither a
/// number among numbers nor a text among texts.
CompareData read_compare_data(const std::filesystem::path& file, const ColumnChoice& choice);
/// Errors: `DataError` `assay.compare.data` for targets of equal numbers alone.
void require_varying(const CompareData& data, const std::filesystem::path& file);

/// What is run: strategies by name, learner and loop, as specifications; with what was asked for and the data's digest,
/// so that results of something else are never taken for these.
Json compare_plan(const CompareArguments& arguments, const CompareData& data);

/// One campaign. \param row is called with each round's measurements.
void run_campaign(const CompareArguments& arguments, const CompareData& data, const Json& plan,
                  const std::string& strategy, std::int64_t seed, const std::function<void(const Json&)>& row);

/// Runs what the report lacks, each campaign in a process of its own. \param command that runs this program once more.
/// \return the summary.
Json run_comparison(const CompareArguments& arguments, const std::vector<std::string>& command);
/// The file of this program.
std::string own_program();

/// What a file of results comes to. \param goal accuracy of a classification that labels are counted to.
Json summarise(const Json& plan, const std::vector<Json>& rows, double goal);
/// What the summaries say together, by learner: {"learner", "strategy", "lowest_error", "advice": [lines]}.
/// \param simple strategies that need no learner, the simplest first, with what they are called.
Json judge(const std::map<std::string, Json>& summaries,
           const std::vector<std::pair<std::string, std::string>>& simple);
/// `digits` behind the point.
std::string figures(double number, int digits = 3);
std::string summary_text(const Json& summary);
/// Learning curves with 95 % intervals.
std::string summary_svg(const Json& summary);

}  // namespace assay::app
