// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

#include <assay/campaign_hash.hpp>

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  CLI::App app("Looks at assay's campaigns, and selects", "assay");
  app.set_version_flag("--version", "assay " ASSAY_VERSION);
  app.require_subcommand(1);

  std::filesystem::path campaign;
  bool json = false;
  CLI::App* show = app.add_subcommand("show", "where a campaign stands: phase, counts, last metrics");
  show->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  show->add_flag("--json", json, "one JSON object");
  CLI::App* strategies = app.add_subcommand("strategies", "every registered key with its options");
  strategies->add_flag("--json", json, "one JSON object");
  CLI::App* hash = app.add_subcommand("hash", "one line: a digest of what a campaign came to");
  hash->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  assay::app::SelectArguments chosen;
  CLI::App* select = app.add_subcommand("select", "chooses a batch from a file of features");
  select
      ->add_option("METHOD", chosen.method,
                   "k_center, kmeans_pp, lcmd, max_det, bait, frank_wolfe, top_k, power, softmax, "
                   "typiclust, prob_cover")
      ->required();
  select->add_option("--pool", chosen.pool, "candidates: .npy or .safetensors (FILE#NAME for one of several tensors)")
      ->required();
  select->add_option("--train", chosen.train, "labeled rows: centers, or conditioned on");
  select->add_option("--pending", chosen.pending, "rows chosen before whose labels are not there yet");
  select->add_option("--count", chosen.count, "rows to choose")->required()->check(CLI::NonNegativeNumber);
  select->add_option("--weight", chosen.weight,
                     "file with a number a candidate that multiplies its squared distance or gain");
  select->add_option("--cost", chosen.cost, "file with a number a candidate that divides it");
  select->add_option("--seed", chosen.seed, "of the methods that draw");
  select->add_option("--device", chosen.device, "cpu, cuda, cuda:1: where the blocked products are computed");
  select->add_option("--memory", chosen.memory, "most bytes to allocate and map at a time, as in 256MiB");
  select->add_option("--threads", chosen.threads, "threads to work with")->check(CLI::PositiveNumber);
  select->add_option("--option", chosen.options, "key=value: an option of the method")->allow_extra_args(false);
  select->add_option("--out", chosen.out, "file to write to instead of standard output");
  select->add_flag("--json", chosen.json, "one JSON object");
  select->add_flag("--plan", chosen.plan, "only say what it will take");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (show->parsed()) assay::app::show(campaign, json);
    if (strategies->parsed()) assay::app::strategies(json);
    if (select->parsed()) assay::app::select(chosen);
    if (hash->parsed()) std::cout << assay::campaign_hash(campaign) << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "assay: " << error.what() << '\n';
    return 1;
  }
}
