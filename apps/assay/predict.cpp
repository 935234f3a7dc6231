// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "command.hpp"
#include "output.hpp"

#include <assay/checkpoint.hpp>
#include <assay/config.hpp>
#include <assay/data/csv.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/state_parts.hpp>
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
};

/// The learner of a campaign as its newest checkpoint has it, on the CPU. The campaign is only looked at: it may be
/// another user's, or be running.
AnyLearner learner_of(const std::filesystem::path& campaign, const Registries& registries) {
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> checkpoint = newest_checkpoint(campaign, damaged);
  for (const std::string& line : damaged) std::cerr << "assay: " << line << '\n';
  if (!checkpoint) {
    throw DataError({"assay.predict.untrained", campaign.string(),
                     "a campaign with a checkpoint, or an exported learner", "none",
                     "'assay run' or 'assay ask' trains its learner"});
  }
  const Json& json = checkpoint->json;
  AnyLearner learner = registries.learner.make(json.at("slots").at("learner"), registries);
  detail::restoring(campaign.string() + ", newest checkpoint", [&] {
    Json state = detail::without_device(json.at("state").at("learner"));
    learner.load(detail::part_of(checkpoint->tensors, std::move(state), "learner/"));
  });
  return learner;
}

/// Writes what the surrogate of a campaign, or an exported one, says about inputs.
void predict(const std::filesystem::path& campaign, const std::filesystem::path& inputs,
             const std::filesystem::path& out) {
  const bool exported = std::filesystem::exists(campaign / "learner.json");
  const Registries registries;
  const AnyLearner learner = exported ? load_learner(campaign, registries) : learner_of(campaign, registries);
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
  return {command, [options] {
            predict(options->campaign, options->inputs, options->out);
            return 0;
          }};
}

}  // namespace assay::app
