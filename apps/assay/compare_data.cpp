// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "compare.hpp"

#include <assay/data/csv.hpp>
#include <assay/data/npy.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/tools/labels.hpp>
#include <assay/tools/status.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

namespace assay::app {

namespace {

[[noreturn]] void fail(const std::filesystem::path& file, std::string expected, std::string got) {
  throw DataError({"assay.compare.data", file.string(), std::move(expected), std::move(got), ""});
}

using Columns = std::vector<std::pair<std::string, torch::Tensor>>;

/// A column of numbers, or one of zeros and ones for every value of a text column.
void add_columns(const std::string& name, const std::vector<std::string>& cells, Columns& columns) {
  const auto n = static_cast<std::int64_t>(cells.size());
  torch::Tensor numbers = torch::zeros({n}, torch::kFloat64);
  bool numeric = true;
  for (std::int64_t i = 0; i < n && numeric; ++i) {
    const std::optional<double> number = csv_number(cells[static_cast<std::size_t>(i)]);
    numeric = number.has_value();
    if (numeric) numbers.mutable_data_ptr<double>()[i] = *number;
  }
  if (numeric) {
    columns.emplace_back(name, numbers);
    return;
  }
  const std::set<std::string> values(cells.begin(), cells.end());
  for (const std::string& value : values) {
    torch::Tensor is = torch::zeros({n}, torch::kFloat64);
    for (std::int64_t i = 0; i < n; ++i) {
      if (cells[static_cast<std::size_t>(i)] == value) is.mutable_data_ptr<double>()[i] = 1;
    }
    columns.emplace_back(name + "=" + value, is);
  }
}

/// The numbers of a target, NaN for a sample without one: a simulation that failed. Nothing if a cell holds text.
std::optional<torch::Tensor> target_numbers(const std::vector<std::string>& cells) {
  torch::Tensor numbers = torch::empty({static_cast<std::int64_t>(cells.size())}, torch::kFloat64);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::optional<double> number = cells[i].empty() ? std::optional<double>(NAN) : csv_number(cells[i]);
    if (!number) return std::nullopt;
    numbers.mutable_data_ptr<double>()[i] = *number;
  }
  return numbers;
}

/// Text of samples as positions in the sorted list of all values. \param classes that list.
torch::Tensor positions(const std::vector<std::string>& cells, std::vector<std::string>& classes) {
  const std::set<std::string> values(cells.begin(), cells.end());
  classes.assign(values.begin(), values.end());
  torch::Tensor ids = torch::empty({static_cast<std::int64_t>(cells.size())}, torch::kFloat64);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ids.mutable_data_ptr<double>()[i] = static_cast<double>(std::distance(values.begin(), values.find(cells[i])));
  }
  return ids;
}

/// \param classes of the target, if that is text.
Columns csv_columns(const std::filesystem::path& file, const std::vector<std::string>& targets,
                    std::vector<std::string>& classes) {
  const CsvTable table = read_csv(file);
  if (table.rows.empty()) fail(file, "a header and rows of samples", "the header alone");
  Columns columns;
  for (std::size_t c = 0; c < table.names.size(); ++c) {
    if (table.names[c].empty()) continue;  // without a name: a row number
    std::vector<std::string> cells;
    for (const std::vector<std::string>& row : table.rows) cells.push_back(row[c]);
    const bool target = std::find(targets.begin(), targets.end(), table.names[c]) != targets.end();
    if (!target) {
      add_columns(table.names[c], cells, columns);
    } else if (const std::optional<torch::Tensor> numbers = target_numbers(cells)) {
      columns.emplace_back(table.names[c], *numbers);
    } else {
      columns.emplace_back(table.names[c], positions(cells, classes));
    }
  }
  return columns;
}

void add_matrix(const std::string& name, const torch::Tensor& array, Columns& columns) {
  const torch::Tensor matrix = array.reshape({array.size(0), -1}).to(torch::kFloat64);
  for (std::int64_t i = 0; i < matrix.size(1); ++i) {
    columns.emplace_back(array.dim() == 1 ? name : name + (name.empty() ? "" : "/") + std::to_string(i),
                         matrix.select(1, i).contiguous());
  }
}

Columns npz_columns(const std::filesystem::path& file) {
  Columns columns;
  for (const std::string& name : npz_names(file)) add_matrix(name, read_npz(file, name), columns);
  return columns;
}

/// The samples a campaign has learnt from. \param targets the learner's, where none are given.
Columns campaign_columns(const std::filesystem::path& campaign, std::vector<std::string>& targets) {
  std::vector<std::string> fields;
  const Json slots = campaign_status(campaign).value("slots", Json::object());
  detail::restoring(campaign.string() + ", newest checkpoint", [&] {
    Json learner = slots.value("learner", Json::object());
    while (learner.contains("learner")) learner = Json(learner.at("learner"));  // of transformed targets
    if (targets.empty()) targets = learner.value("targets", std::vector<std::string>());
    fields = learner.value("inputs", std::vector<std::string>());
  });
  fields.insert(fields.end(), targets.begin(), targets.end());
  if (fields.size() == targets.size()) fail(campaign, "a campaign whose learner names its inputs", "another");
  const LabelTable table = label_table(campaign);
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < table.purpose.size(); ++i) {
    if (table.purpose[i] != "validation" && table.purpose[i] != "test") rows.push_back(static_cast<std::int64_t>(i));
  }
  Columns columns;
  for (const std::string& field : fields) {
    add_matrix(field, table.columns.at(field).index_select(0, torch::tensor(rows, torch::kInt64)), columns);
  }
  return columns;
}

/// Numbers as positions in the sorted list of all of them.
void number_classes(CompareData& data) {
  std::set<double> numbers;
  const torch::Tensor flat = data.y.flatten();
  for (std::int64_t i = 0; i < flat.numel(); ++i) numbers.insert(flat.const_data_ptr<double>()[i]);
  for (const double number : numbers) data.classes.push_back(Json(number).dump());
  const std::vector<double> sorted(numbers.begin(), numbers.end());
  data.y = torch::searchsorted(torch::tensor(sorted, torch::kFloat64), data.y).to(torch::kFloat64);
}

}  // namespace

CompareData read_compare_data(const std::filesystem::path& file, const std::vector<std::string>& given, bool classify) {
  CompareData data;
  Columns columns;
  std::vector<std::string> targets = given;
  const std::string kind = file.extension().string();
  if (std::filesystem::is_directory(file)) {
    columns = campaign_columns(file, targets);
  } else if (kind == ".csv") {
    columns = csv_columns(file, targets, data.classes);
  } else if (kind == ".npy") {
    const torch::Tensor matrix = read_npy(file);
    if (matrix.dim() != 2) fail(file, "a matrix [samples, columns]", std::to_string(matrix.dim()) + " dimensions");
    add_matrix("", matrix, columns);
  } else if (kind == ".npz") {
    columns = npz_columns(file);
  } else {
    fail(file, "a campaign directory or a .csv, .npy or .npz file", "'" + kind + "'");
  }
  std::vector<torch::Tensor> x, y;
  std::set<std::string> found;
  for (const auto& [name, values] : columns) {
    if (values.size(0) != columns.front().second.size(0))
      fail(file, "columns of one length", "'" + name + "' of another");
    const auto is_target = [&](const std::string& target) { return name == target || name.starts_with(target + "/"); };
    const auto target = std::find_if(targets.begin(), targets.end(), is_target);
    const bool may_lack = target != targets.end() && !classify;
    if (!(may_lack ? torch::isfinite(values) | torch::isnan(values) : torch::isfinite(values)).all().item<bool>()) {
      fail(file, "finite numbers", "others in '" + name + "'");
    }
    if (target != targets.end()) found.insert(*target);
    (target != targets.end() ? y : x).push_back(values);
    (target != targets.end() ? data.targets : data.inputs).push_back(name);
  }
  if (y.empty() && targets.empty()) fail(file, "the columns to predict: --target", "none");
  for (const std::string& target : targets) {
    if (found.contains(target)) continue;
    std::string all;
    for (const auto& [name, values] : columns) all += (all.empty() ? "" : ", ") + name;
    fail(file, "target '" + target + "', a column of numbers", "columns " + all);
  }
  if (x.empty()) fail(file, "at least one input column", "targets alone");
  data.x = torch::stack(x, 1);
  data.y = torch::stack(y, 1);
  if (classify && data.classes.empty()) number_classes(data);
  if (!data.classes.empty() && data.y.size(1) != 1) {
    fail(file, "one target, of a classification", std::to_string(data.y.size(1)));
  }
  data.done = torch::isfinite(data.y).all(1);
  if (!data.done.any().item<bool>()) fail(file, "samples with targets", "none");
  if (data.classes.size() == 1) fail(file, "a target of at least two classes", "'" + data.classes.front() + "' alone");
  return data;
}

}  // namespace assay::app
