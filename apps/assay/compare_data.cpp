// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "compare.hpp"

#include <assay/data/table.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/learner/scaler.hpp>
#include <assay/options.hpp>
#include <assay/tools/labels.hpp>
#include <assay/tools/status.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace assay::app {

namespace {

[[noreturn]] void data_refused(const std::string& file, std::string expected, std::string got,
                               std::string advice = "") {
  throw DataError({"assay.compare.data", file, std::move(expected), std::move(got), std::move(advice)});
}

using Columns = std::vector<std::pair<std::string, torch::Tensor>>;

/// A field [n, …] as columns [n] of float64, `name` or `name[i]`.
void add_matrix(const std::string& name, const torch::Tensor& array, Columns& columns) {
  const torch::Tensor matrix = array.reshape({array.size(0), -1}).to(torch::kFloat64);
  for (std::int64_t i = 0; i < matrix.size(1); ++i) {
    columns.emplace_back(array.dim() == 1 ? name : name + "[" + std::to_string(i) + "]",
                         matrix.select(1, i).contiguous());
  }
}

/// The names in a choice, each as it stands there where it is one of the table's, else between its commas.
std::set<std::string> names_in(const Table& table, const std::vector<std::string>& choice, const std::string& option) {
  std::set<std::string> names;
  for (const std::string& text : choice) {
    if (table.contains(text)) {
      names.insert(text);
      continue;
    }
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      const std::string name = text.substr(at, comma - at);
      at = comma + 1;
      if (name.empty()) continue;
      if (!table.contains(name)) {
        std::string all;
        for (const std::string& field : table.fields()) all += (all.empty() ? "" : ", ") + field;
        data_refused(table.source(), option + " '" + name + "', a column", "columns " + all,
                     detail::suggest(name, table.fields()));
      }
      names.insert(name);
    }
  }
  return names;
}

/// Reads the columns of a table by what they hold, and collects what cannot be read.
class ColumnReader {
 public:
  ColumnReader(const Table& table, const ColumnChoice& choice)
      : table_(table), categorical_(names_in(table, choice.categorical, "--categorical")), classify_(choice.classify) {}

  /// A column of numbers, or one of zeros and ones for every value of a text column.
  void add_input(const std::string& name, Columns& columns) {
    const std::optional<std::vector<std::string>> cells = table_.texts(name);
    if (!cells || !are_names(name, *cells, categorical_.contains(name)))
      return add_numbers(name, /*may_lack=*/false, columns);
    const std::set<std::string> values(cells->begin(), cells->end());
    for (const std::string& value : values) {
      torch::Tensor is = torch::zeros({table_.rows()}, torch::kFloat64);
      for (std::size_t i = 0; i < cells->size(); ++i) is.mutable_data_ptr<double>()[i] = (*cells)[i] == value ? 1 : 0;
      columns.emplace_back(name + "=" + value, is);
    }
  }

  /// Numbers, NaN for a sample without one: a simulation that failed. Texts as positions in the sorted list of all,
  /// which goes into `classes`.
  void add_target(const std::string& name, Columns& columns, std::vector<std::string>& classes) {
    const std::optional<std::vector<std::string>> cells = table_.texts(name);
    const auto is_text = [](const std::string& cell) { return !csv_number(cell) && !marks_missing(cell); };
    const bool said = categorical_.contains(name) ||
                      (classify_ && cells && std::any_of(cells->begin(), cells->end(), is_text));
    if (!cells || !are_names(name, *cells, said)) return add_numbers(name, !classify_, columns);
    const std::set<std::string> values(cells->begin(), cells->end());
    classes.assign(values.begin(), values.end());
    torch::Tensor ids = torch::empty({table_.rows()}, torch::kFloat64);
    for (std::size_t i = 0; i < cells->size(); ++i)
      ids.mutable_data_ptr<double>()[i] = static_cast<double>(std::distance(values.begin(), values.find((*cells)[i])));
    columns.emplace_back(name, ids);
  }

  /// Errors: `DataError` `assay.table.cells`.
  void require_read() const {
    if (problems_.empty()) return;
    throw DataError({"assay.table.cells", table_.source(), "columns of numbers, or of texts",
                     listed_problems(problems_),
                     "mend these cells, or leave their rows out; --categorical takes the cells of a column as names, "
                     "--drop leaves one out"});
  }

 private:
  void add_numbers(const std::string& name, bool may_lack, Columns& columns) {
    const std::size_t before = problems_.size();
    const torch::Tensor numbers = table_.numbers({.column = name, .may_lack = may_lack}, problems_);
    if (problems_.size() == before) add_matrix(name, numbers, columns);
  }

  /// Whether a column's cells are names of categories: that is said, or texts prevail. What is none in such a column is
  /// a problem: a number where it was not said, a cell without a name. (What is none in one of numbers, who reads these
  /// finds.)
  bool are_names(const std::string& name, const std::vector<std::string>& cells, bool said) {
    std::size_t numbers = 0, texts = 0;
    for (const std::string& cell : cells) {
      if (csv_number(cell)) {
        ++numbers;
      } else if (!marks_missing(cell)) {
        ++texts;
      }
    }
    if (!said && (texts == 0 || numbers >= texts)) return false;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (said ? !cells[i].empty() : !csv_number(cells[i]) && !marks_missing(cells[i])) continue;
      problems_.push_back(table_.row_name(static_cast<std::int64_t>(i)) + ": " + name +
                          ": expected a text, as in other rows, got " +
                          (cells[i].empty() ? "nothing" : "'" + cells[i] + "'"));
    }
    return true;
  }

  const Table& table_;
  std::set<std::string> categorical_;
  bool classify_;
  std::vector<std::string> problems_;
};

/// Of a learner's fields: names, or objects with one.
std::vector<std::string> field_names(const Json& fields) {
  std::vector<std::string> names;
  for (const Json& field : fields) names.push_back((field.is_object() ? field.at("name") : field).get<std::string>());
  return names;
}

/// The samples a campaign has learnt from. \param targets the learner's, where none are given.
Table campaign_table(const std::filesystem::path& campaign, std::vector<std::string>& targets) {
  std::vector<std::string> fields;
  const Json slots = campaign_status(campaign).value("slots", Json::object());
  detail::restoring(campaign.string() + ", newest checkpoint", [&] {
    const Json whole = slots.value("learner", Json::object());
    const Json& learner = detail::innermost_learner(whole);
    if (targets.empty()) targets = field_names(learner.value("targets", Json::array()));
    fields = field_names(learner.value("inputs", Json::array()));
  });
  if (fields.empty())
    data_refused(campaign.string(), "a campaign whose learner names its inputs", "another",
                 "export its labels, and give the file");
  for (const std::string& target : targets) {
    if (std::find(fields.begin(), fields.end(), target) == fields.end()) fields.push_back(target);
  }
  const LabelTable table = label_table(campaign);
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < table.purpose.size(); ++i) {
    if (table.purpose[i] != "validation" && table.purpose[i] != "test") rows.push_back(static_cast<std::int64_t>(i));
  }
  Values columns;
  for (const std::string& field : fields)
    columns.set(field, table.columns.at(field).index_select(0, torch::tensor(rows, torch::kInt64)));
  return Table::from_arrays(std::move(columns), campaign.string());
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

torch::Tensor stacked(const Columns& columns, std::vector<std::string>& names) {
  std::vector<torch::Tensor> numbers;
  for (const auto& [name, column] : columns) {
    names.push_back(name);
    numbers.push_back(column);
  }
  return torch::stack(numbers, 1);
}

enum class Role { input, target, neither };

/// Reads what was chosen of a table. Of a field of several columns, each may be something else.
void read_columns(const Table& table, const ColumnChoice& choice, CompareData& data) {
  const std::set<std::string> targets = names_in(table, choice.targets, "--target"),
                              inputs = names_in(table, choice.inputs, "--inputs"),
                              drop = names_in(table, choice.drop, "--drop");
  if (targets.empty()) data_refused(table.source(), "the columns to predict", "none", "name them: --target");
  ColumnReader reader(table, choice);
  Columns x, y;
  const auto read = [&](const std::string& name, Role role) {
    if (role == Role::target) reader.add_target(name, y, data.classes);
    if (role == Role::input) reader.add_input(name, x);
  };
  for (const std::string& field : table.fields()) {
    const auto role_of = [&](const std::string& header) {
      const auto chosen = [&](const std::set<std::string>& names) {
        return names.contains(field) || names.contains(header);
      };
      if (chosen(targets)) return Role::target;
      return (inputs.empty() || chosen(inputs)) && !chosen(drop) ? Role::input : Role::neither;
    };
    const std::vector<std::string> headers = table.headers(field);
    const Role first = role_of(headers.front());
    if (std::all_of(headers.begin(), headers.end(), [&](const std::string& h) { return role_of(h) == first; })) {
      read(field, first);
    } else {
      for (const std::string& header : headers) read(header, role_of(header));
    }
  }
  // What assay notes of samples is nothing to learn, unless it is asked for by its name.
  for (const auto& [names, role] : {std::pair{&targets, Role::target}, std::pair{&inputs, Role::input}}) {
    for (const std::string& name : *names) {
      if (table.is_own(name)) read(name, role);
    }
  }
  reader.require_read();
  if (x.empty()) data_refused(table.source(), "at least one input column", "targets alone");
  data.x = stacked(x, data.inputs);
  data.y = stacked(y, data.targets);
}

}  // namespace

CompareData read_compare_data(const std::filesystem::path& file, const ColumnChoice& given) {
  ColumnChoice choice = given;
  const bool is_campaign = std::filesystem::is_directory(file);
  const Table table = is_campaign ? campaign_table(file, choice.targets) : open_table(file);
  if (table.rows() == 0) data_refused(file.string(), "a header and rows of samples", "the header alone");
  CompareData data{.notes = table.notes()};
  read_columns(table, choice, data);
  if (choice.classify && data.classes.empty()) number_classes(data);
  if (!data.classes.empty() && data.y.size(1) != 1) {
    data_refused(file.string(), "one target, of a classification", std::to_string(data.y.size(1)));
  }
  data.done = torch::isfinite(data.y).all(1);
  if (!data.done.any().item<bool>()) data_refused(file.string(), "samples with targets", "none");
  if (data.classes.size() == 1)
    data_refused(file.string(), "a target of at least two classes", "'" + data.classes.front() + "' alone");
  return data;
}

void require_varying(const CompareData& data, const std::filesystem::path& file) {
  if (!data.classes.empty()) return;
  const torch::Tensor known = data.y.index_select(0, data.done.nonzero().flatten());
  if ((spread(known) > 0).any().item<bool>()) return;
  std::string targets;
  for (const std::string& name : data.targets) targets += (targets.empty() ? "" : ", ") + name;
  data_refused(file.string(), "a target that varies", "equal numbers alone, of " + targets,
               "errors are measured in units of the targets' deviation: there is nothing to compare by");
}

}  // namespace assay::app
