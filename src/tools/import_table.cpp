// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include <assay/data/csv.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/data/schema.hpp>
#include <assay/data/space.hpp>
#include <assay/detail/content.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/options.hpp>
#include <assay/tools/import_table.hpp>

#include <c10/util/accumulate.h>

#include <algorithm>
#include <map>
#include <memory>
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
};

/// One number each, where there is no sample to look at yet.
Schema plain(const std::vector<std::string>& names) {
  Schema schema;
  for (const std::string& name : names) schema.push_back({.name = name});
  return schema;
}

Shape shape_of(const fs::path& campaign, const Ledger& ledger) {
  const tools::LearnerFields fields = tools::learner_fields(ledger);
  Shape shape{.inputs = plain(fields.inputs),
              .targets = plain(fields.targets),
              .label_version = detail::label_version_of(ledger)};
  const std::vector<SampleId> picked = ledger.picked();
  if (!picked.empty()) shape.inputs = schema_of_sample(ledger.inputs(picked.front()));
  if (const std::vector<SampleId> done = ledger.in_state(SampleState::done, 1); !done.empty())
    shape.targets = schema_of_sample(ledger.labels(done.front()).pick(fields.targets));
  if (const fs::path file = campaign / "campaign.json"; fs::exists(file)) {
    const Json configuration = parse_json(detail::read_own_file(file, longest_json), file.string());
    const auto of = [](const Json& json, const char* name) {
      return json.is_object() && json.contains(name) ? Json(json.at(name)) : Json();
    };
    const Json pool = of(of(configuration, "pools"), "unlabeled"), constraints = of(pool, "constraints");
    if (const Json space = of(pool, "space"); !space.is_null()) {
      shape.space = space_from_json(
          {{"variables", space}, {"constraints", constraints.is_null() ? Json::array() : constraints}});
    }
  }
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

/// A table of numbers, row by row, whatever file it comes from.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual std::int64_t count() const = 0;
  /// "line 12".
  virtual std::string name(std::int64_t row) const = 0;
  /// Fills in fields; \return why it cannot.
  virtual std::optional<std::string> read(std::int64_t row, const Schema& fields, Values& values) const = 0;
};

using Columns = std::map<std::string, std::string>;

std::string column_of(const Columns& columns, const std::string& field) {
  const auto found = columns.find(field);
  return found == columns.end() ? field : found->second;
}

class CsvRows final : public Rows {
 public:
  CsvRows(const fs::path& file, const Columns& columns, const std::vector<Schema>& schemas) : table_(read_csv(file)) {
    for (const Schema& schema : schemas) {
      for (const Field& field : schema)
        where_[field.name] = csv_columns(table_, column_of(columns, field.name), file.string());
    }
  }
  std::int64_t count() const override { return static_cast<std::int64_t>(table_.rows.size()); }
  std::string name(std::int64_t row) const override {
    return "line " + std::to_string(table_.lines[static_cast<std::size_t>(row)]);
  }
  std::optional<std::string> read(std::int64_t row, const Schema& fields, Values& values) const override {
    for (const Field& field : fields) {
      std::vector<std::string> problems;
      const auto numbers = csv_numbers(table_, static_cast<std::size_t>(row), where_.at(field.name), problems);
      if (!numbers) return problems.front();
      if (numbers->numel() != c10::multiply_integers(field.shape))
        return name(row) + ": " + field.name + ": expected " + describe(field) + ", got " +
               std::to_string(numbers->numel()) + " numbers";
      values.set(field.name, numbers->reshape(field.shape).to(field.dtype));
    }
    return std::nullopt;
  }

 private:
  CsvTable table_;
  std::map<std::string, std::vector<std::size_t>> where_;
};

class TensorRows final : public Rows {
 public:
  TensorRows(const std::function<torch::Tensor(const std::string&)>& column, Columns columns,
             const std::vector<Schema>& schemas)
      : columns_(std::move(columns)) {
    for (const Schema& schema : schemas) {
      for (const Field& field : schema) batch_.set(field.name, column(column_of(columns_, field.name)));
    }
    count_ = batch_size(batch_);
  }
  std::int64_t count() const override { return count_; }
  std::string name(std::int64_t row) const override { return "row " + std::to_string(row); }
  std::optional<std::string> read(std::int64_t row, const Schema& fields, Values& values) const override {
    for (const Field& field : fields) {
      const std::string where = name(row) + ": " + column_of(columns_, field.name) + ": expected ";
      const torch::Tensor value = batch_.at(field.name)[row];
      if (value.numel() != c10::multiply_integers(field.shape))
        return where + describe(field) + ", got " + std::to_string(value.numel()) + " numbers";
      if (!all_finite({{field.name, value}})) return where + "a number, got one that is not finite";
      values.set(field.name, value.reshape(field.shape).to(field.dtype));
    }
    return std::nullopt;
  }

 private:
  Columns columns_;
  Values batch_;
  std::int64_t count_ = 0;
};

using Open = std::function<std::unique_ptr<Rows>(const std::vector<Schema>&)>;

ImportReport import_rows(const fs::path& campaign, const fs::path& source, const Columns& columns, const Open& open) {
  tools::HeldLedger held(campaign);
  const Shape shape = shape_of(campaign, held.ledger);
  require_known(columns, shape, source);
  const std::unique_ptr<Rows> rows = open({shape.inputs, shape.targets});
  ImportReport report;
  std::unordered_map<std::string, std::string> seen;  // content to the row it stood in
  std::vector<ArchivedLabel> labels;
  for (std::int64_t row = 0; row < rows->count(); ++row) {
    const std::string name = rows->name(row);
    Values inputs, targets;
    std::optional<std::string> problem = rows->read(row, shape.inputs, inputs);
    if (!problem) problem = rows->read(row, shape.targets, targets);
    if (!problem && shape.space) {
      if (const std::optional<std::string> outside = shape.space->outside(inputs))
        problem = name + ": outside the space: " + *outside;
    }
    if (problem) {
      report.refused.push_back(*problem);
      continue;
    }
    std::string content = detail::content_of(inputs, shape.label_version);
    if (const auto [first, is_new] = seen.emplace(content, name); !is_new) {
      report.refused.push_back(name + ": the inputs of " + first->second + " again");
      continue;
    }
    labels.push_back({.fingerprint = std::move(content),
                      .inputs = std::move(inputs),
                      .labels = std::move(targets),
                      .source = source.filename().string() + ", " + name});
  }
  report.added = held.ledger.add_to_archive(labels);
  report.known = static_cast<std::int64_t>(labels.size()) - report.added;
  return report;
}

}  // namespace

ImportReport import_table(const fs::path& campaign, const fs::path& file, const Columns& columns) {
  if (file.extension() == ".safetensors") {
    const Values batch = read_safetensors(file);
    return import_columns(campaign, file, [&](const std::string& column) { return batch.at(column); }, columns);
  }
  return import_rows(campaign, file, columns, [&](const std::vector<Schema>& schemas) -> std::unique_ptr<Rows> {
    return std::make_unique<CsvRows>(file, columns, schemas);
  });
}

ImportReport import_columns(const fs::path& campaign, const fs::path& source,
                            const std::function<torch::Tensor(const std::string&)>& read, const Columns& columns) {
  return import_rows(campaign, source, columns, [&](const std::vector<Schema>& schemas) -> std::unique_ptr<Rows> {
    return std::make_unique<TensorRows>(read, columns, schemas);
  });
}

}  // namespace assay
