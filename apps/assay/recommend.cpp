// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "compare.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>

#include <algorithm>
#include <iostream>
#include <memory>

namespace assay::app {

namespace {

struct RecommendOptions {
  std::filesystem::path data, dir = "recommend";
  ColumnChoice columns;
  std::int64_t seeds = 10, jobs = 0;
  std::int64_t labels = 0, batch = 0;  ///< 0: by the number of samples
  bool json = false;
};

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

/// Compares learners and strategies on labeled samples, and says which to take.
void recommend(const RecommendOptions& asked) {
  const CompareData data = read_compare_data(asked.data, asked.columns);
  require_varying(data, asked.data);
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
    std::vector<std::string> command{own_program(), "compare",
                                     "--data",      asked.data.string(),
                                     "--config",    config,
                                     "--learner",   learner,
                                     "--initial",   std::to_string(arguments.initial),
                                     "--batch",     std::to_string(arguments.batch),
                                     "--rounds",    std::to_string(arguments.rounds)};
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

}  // namespace

Command add_recommend(CLI::App& app) {
  const auto recommended = std::make_shared<RecommendOptions>();
  CLI::App* command = app.add_subcommand("recommend", "which strategy and learner, measured on labeled samples");
  command->add_option("SOURCE", recommended->data, "campaign directory, .csv, .npy, .npz, .h5 or .safetensors")
      ->required();
  add_columns(command, recommended->columns);
  command
      ->add_option("--labels", recommended->labels,
                   "labels to spend; by default two fifths of the samples, at most 400")
      ->check(CLI::PositiveNumber);
  command->add_option("--batch", recommended->batch, "of them a round; by default a fifth")->check(CLI::PositiveNumber);
  command->add_option("--seeds", recommended->seeds, "splits to measure on")->check(CLI::Range(2, 1000));
  command->add_option("--jobs", recommended->jobs, "campaigns at once; by default one a core")
      ->check(CLI::PositiveNumber);
  command->add_option("--dir", recommended->dir, "folder for what is measured; gone on with if it is there");
  command->add_flag("--json", recommended->json, "one JSON object");
  return {command, [recommended] {
            recommend(*recommended);
            return 0;
          }};
}

}  // namespace assay::app
