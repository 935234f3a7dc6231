// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "command.hpp"
#include "output.hpp"
#include "waiting.hpp"

#include <assay/config.hpp>
#include <assay/data/csv.hpp>
#include <assay/error.hpp>
#include <assay/tools/campaign_space.hpp>

#include <iostream>
#include <map>
#include <memory>
#include <optional>

namespace assay::app {

namespace {

struct PredictOptions {
  std::filesystem::path campaign, inputs, out;
  double wait = 5;
};

/// Writes what the surrogate of a campaign, or an exported one, says about inputs.
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
  const std::optional<Space> space = exported ? std::nullopt : campaign_space(campaign);
  const std::map<std::string, WantedField> fields = wanted_fields(learner.inputs(), space ? &*space : nullptr);
  const Table table = open_table(inputs, learner.inputs());
  say_notes(table);
  if (table.rows() == 0) throw DataError({"assay.predict.rows", inputs.string(), "rows to predict", "none", ""});
  const Values batch = table.batch(fields).pick(learner.inputs());
  const torch::NoGradGuard no_gradients;
  Values columns_out = batch;
  columns_out.merge(learner.predict(batch));
  if (learner.capabilities().has(Capability::variance)) {
    for (const auto& [name, variance] : learner.variance(batch)) {
      const std::string column = name + ".std";
      columns_out.set((columns_out.contains(column) ? "assay." : "") + column, variance.sqrt());
    }
  }
  require_finite(columns_out, "predictions for " + inputs.string());
  put(out, to_csv({}, columns_out));
  if (!out.empty()) std::cout << table.rows() << " predictions in " << out.string() << '\n';
}

}  // namespace

Command add_predict(CLI::App& app) {
  const auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "what the surrogate says, with its standard deviation");
  command->add_option("CAMPAIGN", options->campaign, "campaign directory, or that of an exported surrogate")
      ->required();
  command->add_option("INPUTS", options->inputs, "CSV with the inputs")->required();
  command->add_option("--out", options->out, "CSV file; without it standard output");
  add_wait(command, options->wait);
  return {command, [options] {
            predict(options->campaign, options->inputs, options->out, options->wait);
            return 0;
          }};
}

}  // namespace assay::app
