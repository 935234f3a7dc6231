// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"
#include "compare.hpp"

#include <ATen/Parallel.h>

#include <fstream>
#include <iostream>
#include <memory>

namespace assay::app {

namespace {

/// The words that this program was called with, from any working directory.
std::vector<std::string> own_words() {
  std::vector<std::string> words;
  std::ifstream in("/proc/self/cmdline");
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  words.at(0) = own_program();
  return words;
}

void print_row(const CompareArguments& arguments, const CompareData& data, const Json& plan) {
  const std::size_t colon = arguments.run.rfind(':');
  at::set_num_threads(1);
  run_campaign(arguments, data, plan, arguments.run.substr(0, colon), std::stoll(arguments.run.substr(colon + 1)),
               [](const Json& row) { std::cout << row.dump() << std::endl; });
}

/// Runs offline campaigns on labeled data and prints what they come to.
void compare(const CompareArguments& arguments) {
  if (arguments.run.empty()) {
    std::cout << summary_text(run_comparison(arguments, own_words()));
  } else {
    const CompareData data = read_compare_data(arguments.data, arguments.columns);
    print_row(arguments, data, compare_plan(arguments, data));
  }
}

}  // namespace

Command add_compare(CLI::App& app) {
  const auto compared = std::make_shared<CompareArguments>();
  CLI::App* command = app.add_subcommand("compare", "tries strategies on data that is labeled already");
  command->add_option("--data", compared->data, ".csv with a header, .npy, .npz, .h5, .safetensors, or a campaign")
      ->required();
  add_columns(command, compared->columns);
  command->add_option("--strategies", compared->strategies, "keys, or names from --config; random is the control")
      ->delimiter(',');
  command->add_option("--seeds", compared->seeds, "splits, the same for every strategy")->check(CLI::PositiveNumber);
  command->add_option("--initial", compared->initial, "labels to start with")->check(CLI::PositiveNumber);
  command->add_option("--batch", compared->batch, "labels a round")->check(CLI::PositiveNumber);
  command->add_option("--rounds", compared->rounds, "rounds of choosing")->check(CLI::NonNegativeNumber);
  command->add_option("--learner", compared->learner, "mlp (d-512-512-k), ensemble or gaussian_process");
  command->add_option("--config", compared->config, "JSON: strategies by name, learner, loop");
  command->add_option("--report", compared->report, "JSON lines; a report that is there is gone on with");
  command->add_option("--plot", compared->plot, "SVG; by default beside the report");
  command->add_option("--test", compared->test, "share of the data that is only measured on")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--test-data", compared->test_data, "file of samples to measure on, in place of --test");
  command->add_option("--validation", compared->validation,
                      "samples for the best epoch; by default a tenth, at most 1024");
  command->add_option("--seed", compared->seed, "of the first split");
  command->add_option("--goal", compared->goal, "accuracy that the labels are counted to")->check(CLI::Range(0.0, 1.0));
  command->add_option("--jobs", compared->jobs, "campaigns at once; by default one a core")->check(CLI::PositiveNumber);
  command->add_option("--run", compared->run, "")->group("");
  return {command, [compared] {
            compare(*compared);
            return 0;
          }};
}

}  // namespace assay::app
