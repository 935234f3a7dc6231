// SPDX-License-Identifier: Apache-2.0
#include "archiving.hpp"
#include "campaign_files.hpp"

#include <assay/data/schema.hpp>
#include <assay/detail/content.hpp>
#include <assay/error.hpp>
#include <assay/options.hpp>
#include <assay/tools/campaign_space.hpp>
#include <assay/tools/import_table.hpp>

#include <c10/util/accumulate.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace assay {

namespace fs = std::filesystem;

namespace {

/// What the samples of a campaign look like.
struct Shape {
  Schema inputs, targets;
  std::string label_version;
  std::optional<Space> space;
  std::vector<TargetRule> rules;
};

/// Where there is no sample to look at yet: as declared, or one number each.
Schema plain(const std::vector<std::string>& names, const Schema& declared = {}) {
  Schema schema;
  for (const std::string& name : names) {
    const auto known = std::find_if(declared.begin(), declared.end(), [&](const Field& f) { return f.name == name; });
    schema.push_back(known == declared.end() ? Field{.name = name, .shape = {}} : *known);
  }
  return schema;
}

Shape shape_of(const fs::path& campaign, const Ledger& ledger) {
  const tools::LearnerFields fields = tools::learner_fields(ledger);
  Shape shape{.inputs = plain(fields.inputs),
              .targets = plain(fields.targets, fields.declared),
              .label_version = detail::label_version_of(ledger),
              .space = std::nullopt,
              .rules = tools::label_rules(ledger)};
  const std::vector<SampleId> picked = ledger.picked();
  if (!picked.empty()) shape.inputs = schema_of_sample(ledger.inputs(picked.front()));
  if (const std::vector<SampleId> done = ledger.in_state(SampleState::done, 1); !done.empty())
    shape.targets = schema_of_sample(ledger.labels(done.front()).pick(fields.targets));
  shape.space = campaign_space(campaign);
  if (picked.empty() && !shape.space) {
    throw DataError({"assay.import.shape", campaign.string(), "a sample that was chosen, or a space in campaign.json",
                     "neither", "what inputs look like is not known before the first 'assay ask' or 'assay run'"});
  }
  return shape;
}

/// Errors: `ConfigError` for a column of what is neither an input nor a target.
void require_known(const std::map<std::string, std::string>& columns, const Shape& shape, const fs::path& file) {
  std::vector<std::string> known;
  for (const Schema* schema : {&shape.inputs, &shape.targets}) {
    for (const Field& field : *schema) known.push_back(field.name);
  }
  for (const auto& [field, column] : columns) {
    if (std::find(known.begin(), known.end(), field) != known.end()) continue;
    throw ConfigError({"assay.import.map", file.string(),
                       "an input or a target of the campaign for column '" + column + "'", "'" + field + "'",
                       detail::suggest(field, known)});
  }
}

using Columns = std::map<std::string, std::string>;

/// How the fields of a campaign are read from a table.
struct Reading {
  const Table& table;
  std::map<std::string, WantedField> wanted;

  /// Fills in fields; \return why it cannot.
  std::optional<std::string> read(std::int64_t row, const Schema& fields, Values& values) const {
    for (const Field& field : fields) {
      std::vector<std::string> problems;
      const std::optional<torch::Tensor> numbers = table.numbers(row, wanted.at(field.name), problems);
      if (!numbers) return problems.front();
      if (numbers->numel() != c10::multiply_integers(field.shape))
        return table.row_name(row) + ": " + field.name + ": expected " + describe(field) + ", got " +
               std::to_string(numbers->numel()) + " numbers";
      values.set(field.name, numbers->reshape(field.shape).to(field.dtype));
    }
    return std::nullopt;
  }
};

/// Why a campaign could not use labels; nothing where it can.
std::optional<std::string> unlearnable(const Values& targets, const std::vector<TargetRule>& rules,
                                       const std::string& row) {
  try {
    require_learnable(targets, rules, row);
  } catch (const DataError& error) {
    const ErrorParts& parts = error.parts();
    return parts.where + ": expected " + parts.expected + ", got " + parts.got;
  }
  return std::nullopt;
}

}  // namespace

ImportReport import_table(const fs::path& campaign, const fs::path& source, const TableOpener& open,
                          const Columns& columns) {
  tools::HeldLedger held(campaign);
  const Shape shape = shape_of(campaign, held.ledger);
  require_known(columns, shape, source);
  std::vector<std::string> fields, needed;
  for (const Schema* schema : {&shape.inputs, &shape.targets}) {
    for (const Field& field : *schema) fields.push_back(field.name);
  }
  std::map<std::string, WantedField> wanted = wanted_fields(fields, shape.space ? &*shape.space : nullptr, columns);
  for (const auto& [field, column] : wanted) needed.push_back(column.column);
  const Table table = open(needed);
  for (const auto& [field, column] : wanted) table.require(column);
  const Reading rows{.table = table, .wanted = std::move(wanted)};
  tools::Archiving archiving(campaign, held.ledger);
  std::unordered_map<std::string, std::string> seen;  // content to the row it stood in
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    const std::string name = table.row_name(row);
    Values inputs, targets;
    std::optional<std::string> problem = rows.read(row, shape.inputs, inputs);
    if (!problem) problem = rows.read(row, shape.targets, targets);
    if (!problem && shape.space) {
      if (const std::optional<std::string> outside = shape.space->outside(inputs))
        problem = name + ": outside the space: " + *outside;
    }
    if (!problem) problem = unlearnable(targets, shape.rules, name);
    if (problem) {
      archiving.refuse(*problem);
      continue;
    }
    std::string content = detail::content_of(inputs, shape.label_version);
    if (const auto [first, is_new] = seen.emplace(content, name); !is_new) {
      archiving.refuse(name + ": the inputs of " + first->second + " again");
      continue;
    }
    archiving.add({.fingerprint = std::move(content),
                   .inputs = std::move(inputs),
                   .labels = std::move(targets),
                   .source = source.filename().string() + ", " + name},
                  name);
  }
  return archiving.end();
}

ImportReport import_table(const fs::path& campaign, const fs::path& file, const Columns& columns) {
  return import_table(campaign, file, [&](const std::vector<std::string>&) { return read_table(file); }, columns);
}

ImportReport import_columns(const fs::path& campaign, const fs::path& source,
                            const std::function<torch::Tensor(const std::string&)>& read, const Columns& columns) {
  const auto open = [&](const std::vector<std::string>& names) {
    Values arrays;
    for (const std::string& name : names) arrays.set(name, read(name));
    return Table::from_arrays(std::move(arrays), source.string());
  };
  return import_table(campaign, source, open, columns);
}

}  // namespace assay
