// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "command.hpp"
#include "output.hpp"

#include <assay/config.hpp>
#include <assay/data/csv.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/error.hpp>
#include <assay/learner/input_ranges.hpp>
#include <assay/tools/campaign_space.hpp>
#include <assay/tools/export_surrogate.hpp>

#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace assay::app {

namespace {

struct PredictOptions {
  std::filesystem::path campaign, inputs, out;
};

/// Units and names of categories, as an export has them.
void know_exported_fields(const std::filesystem::path& directory, const AnyLearner& learner,
                          std::map<std::string, WantedField>& fields) {
  const std::filesystem::path file = directory / "learner.json";
  const Json whole = parse_json(assay::detail::read_file(file, longest_json), file.string());
  const Json units = whole.value("units", Json::object()), spec = learner.spec();
  for (auto& [name, wanted] : fields) wanted.unit = units.value(name, "");
  for (const Json& input : assay::detail::innermost_learner(spec).value("inputs", Json::array())) {
    const auto field = input.is_object() ? fields.find(input.value("name", "")) : fields.end();
    if (field != fields.end()) field->second.categories = input.value("categories", std::vector<std::string>());
  }
}

/// Marks the rows that lie outside the samples that the learner learned from: there it extrapolates.
void mark_outside(const AnyLearner& learner, const Values& batch, Values& columns) {
  const State state = learner.save();
  const Json& inner = assay::detail::innermost_learner(state.json);
  const InputRanges ranges = InputRanges::read(inner.value("inputs", Json::array()));
  if (!ranges.known()) return;
  const torch::Tensor outside = ranges.outside(batch);
  columns.set(columns.contains("outside") ? "assay.outside" : "outside", outside.to(torch::kInt64));
  const std::int64_t count = outside.sum().item<std::int64_t>();
  if (count > 0)
    std::cerr << "assay: " << count << " of " << outside.size(0)
              << " rows lie outside the labeled samples (1 in column outside): no prediction is sure there\n";
}

/// Writes what the surrogate of a campaign, or an exported one, says about inputs.
void predict(const std::filesystem::path& campaign, const std::filesystem::path& inputs,
             const std::filesystem::path& out) {
  // A campaign's own learner is that of its newest checkpoint, whatever lies beside that.
  const bool exported = std::filesystem::exists(campaign / "learner.json") &&
                        !std::filesystem::exists(campaign / "checkpoints");
  const Registries registries;
  std::vector<std::string> damaged;
  const AnyLearner learner = exported ? load_learner(campaign, registries)
                                      : campaign_learner(campaign, registries, damaged);
  for (const std::string& line : damaged) std::cerr << "assay: " << line << '\n';
  const std::optional<Space> space = exported ? std::nullopt : campaign_space(campaign);
  std::map<std::string, WantedField> fields = wanted_fields(learner.inputs(), space ? &*space : nullptr);
  if (exported) know_exported_fields(campaign, learner, fields);
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
  mark_outside(learner, batch, columns_out);
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
