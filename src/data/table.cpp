// SPDX-License-Identifier: Apache-2.0
#include "../detail/listed.hpp"
#include "cells.hpp"

#include <assay/data/npy.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/data/table.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/options.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace assay {

namespace {

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

/// Whether it is called as pandas calls a column that had no name.
bool is_unnamed(std::string_view header) { return header.empty() || header.starts_with("Unnamed: "); }

}  // namespace

Table Table::from_csv(std::string_view text, const std::string& source) {
  Table table(source);
  table.texts_ = parse_csv(text, source);
  table.rows_ = static_cast<std::int64_t>(table.texts_.rows.size());
  table.take_names(table.texts_.names);
  table.leave_out_row_numbers();
  return table;
}

Table Table::from_arrays(Values arrays, std::string source) {
  Table table(std::move(source));
  table.take_names(arrays.names());
  for (Column& column : table.columns_) {
    column.array = arrays.at(column.header);
    const std::string array = "array " + in_quotes(column.header);
    if (column.array.dim() == 0 || column.array.is_complex())
      table.fail_column("real numbers in rows along the first axis of " + array,
                        column.array.dim() == 0 ? "a single number" : "complex numbers", "leave it out of the file");
    if (&column != &table.columns_.front() && column.array.size(0) != table.rows_) {
      throw DataError(
          {"assay.table.rows", table.source_,
           std::to_string(table.rows_) + " rows in " + array + ", as in " + in_quotes(table.columns_.front().header),
           std::to_string(column.array.size(0)), "leave it out of the file"});
    }
    table.rows_ = column.array.size(0);
  }
  table.leave_out_row_numbers();
  return table;
}

void Table::take_names(const std::vector<std::string>& headers) {
  for (const std::string& header : headers)
    columns_.push_back({.header = header, .name = column_name(header), .place = columns_.size()});
}

bool Table::counts_rows(const Column& column) const {
  std::set<double> numbers;
  for (std::int64_t row = 0; row < rows_; ++row) {
    const std::optional<double> number = data::exact_number(texts_.rows[static_cast<std::size_t>(row)][column.place]);
    if (!number || *number < 0 || *number != std::floor(*number) || !numbers.insert(*number).second) return false;
  }
  return true;
}

void Table::leave_out_row_numbers() {
  std::vector<Column> kept;
  for (const Column& column : columns_) {
    if (!is_unnamed(column.header)) {
      kept.push_back(column);
      continue;
    }
    const std::string which = "column " + std::to_string(column.place + 1);
    bool empty = !column.array.defined();
    for (std::size_t row = 0; row < texts_.rows.size() && empty; ++row) empty = texts_.rows[row][column.place].empty();
    if (empty || (!column.array.defined() && counts_rows(column))) {
      notes_.push_back(source_ + ": " + which +
                       (empty ? " is empty: left out" : " counts the rows (pandas' index): left out"));
    } else if (column.header.empty()) {
      fail_column("a name for " + which, "none", "write one into the first line, or remove the column");
    } else {
      kept.push_back(column);
    }
  }
  columns_ = std::move(kept);
}

std::string Table::row_name(std::int64_t row) const {
  const auto at = static_cast<std::size_t>(row);
  return at < texts_.lines.size() ? "line " + std::to_string(texts_.lines[at]) : "row " + std::to_string(row);
}

std::vector<std::string> Table::fields() const {
  std::vector<std::string> names;
  for (const Column& column : columns_) {
    if (!column.name.own && std::find(names.begin(), names.end(), column.name.field) == names.end())
      names.push_back(column.name.field);
  }
  return names;
}

bool Table::contains(std::string_view field) const {
  const auto named = [&](const Column& column) {
    return column.header == field || (!column.name.own && column.name.field == field);
  };
  return std::any_of(columns_.begin(), columns_.end(), named);
}

std::string Table::unit(std::string_view name) const {
  return field({.column = std::string(name)}).columns.front()->name.unit;
}

void Table::fail_column(std::string expected, std::string got, std::string advice) const {
  const std::string line = texts_.names.empty() ? "" : ", line " + std::to_string(texts_.header_line);
  throw DataError({"assay.table.column", source_ + line, std::move(expected), std::move(got), std::move(advice)});
}

void Table::require_read(const std::vector<std::string>& problems) const {
  if (problems.empty()) return;
  throw DataError({"assay.table.cells", source_, "a number in every cell", listed_problems(problems),
                   "mend these cells, or leave their rows out"});
}

std::vector<const Table::Column*> Table::columns_of(std::string_view field) const {
  std::vector<const Column*> found;
  for (const Column& column : columns_) {
    if (!column.name.own && column.name.field == field) found.push_back(&column);
  }
  return found;
}

Table::Field Table::field(const WantedField& wanted) const {
  Field field{.name = wanted.column, .columns = columns_of(wanted.column)};
  const auto named = [&](const Column& column) { return column.header == wanted.column; };
  if (const auto whole = std::find_if(columns_.begin(), columns_.end(), named);
      whole != columns_.end() && field.columns.size() <= 1)
    field.columns = {&*whole};
  if (field.columns.empty()) {
    const std::string list = detail::listed(fields());
    fail_column(
        "a column " + in_quotes(wanted.column) + ", or " + in_quotes(data::indexed(wanted.column, 0)) + " and so on",
        list.empty() ? "none" : "columns " + list, detail::suggest(wanted.column, fields()));
  }
  field.one_number = field.columns.size() == 1 && (!field.columns.front()->name.index || named(*field.columns.front()));
  if (!field.one_number) {
    const auto place = [](const Column* column) { return column->name.index.value_or(-1); };
    std::sort(field.columns.begin(), field.columns.end(),
              [&](const Column* a, const Column* b) { return place(a) < place(b); });
    for (std::size_t i = 0; i < field.columns.size(); ++i) {
      const Column& column = *field.columns[i];
      if (!column.name.index || (i > 0 && column.name.index == field.columns[i - 1]->name.index))
        fail_column("one column " + in_quotes(field.name) + ", or one for each of its numbers",
                    in_quotes(field.columns[0]->header) + " and " + in_quotes(field.columns[i == 0 ? 1 : i]->header),
                    "rename one, or remove it");
      if (column.name.index != static_cast<std::int64_t>(i))
        fail_column(std::to_string(field.columns.size()) + " columns " + in_quotes(data::indexed(field.name, 0)) +
                        " to " + in_quotes(data::indexed(field.name, field.columns.size() - 1)) +
                        ", one for each number",
                    "no " + in_quotes(data::indexed(field.name, i)), "complete them, or count them from 0 on");
      if (!same_unit(column.name.unit, field.columns[0]->name.unit))
        fail_column("one unit for all numbers of " + in_quotes(field.name),
                    in_quotes(field.columns[0]->header) + " and " + in_quotes(column.header), "bring them to one unit");
      if (column.array.defined() && column.array.dim() != 1)
        fail_column("one number a row in " + in_quotes(column.header), "several", "store the field as one array");
    }
  }
  const ColumnName& name = field.columns.front()->name;
  if (!wanted.unit.empty() && !name.unit.empty() && !same_unit(name.unit, wanted.unit))
    fail_column(in_quotes(wanted.column) + " in " + wanted.unit + ", as the space has it",
                in_quotes(field.columns.front()->header), "convert the numbers, and correct the name of the column");
  return field;
}

std::vector<std::string> Table::headers(const std::string& name) const {
  std::vector<std::string> headers;
  for (const Column* column : field({.column = name}).columns) headers.push_back(column->header);
  return headers;
}

void Table::require(const WantedField& wanted) const { field(wanted); }

std::vector<std::int64_t> Table::shape(const WantedField& wanted) const {
  const Field found = field(wanted);
  if (!found.one_number) return {static_cast<std::int64_t>(found.columns.size())};
  const torch::Tensor& array = found.columns.front()->array;
  return array.defined() ? array.sizes().slice(1).vec() : std::vector<std::int64_t>{};
}

std::optional<std::vector<std::string>> Table::texts(const std::string& name) const {
  const Field found = field({.column = name});
  if (!found.one_number || found.columns.front()->array.defined()) return std::nullopt;
  std::vector<std::string> cells;
  cells.reserve(texts_.rows.size());
  for (const std::vector<std::string>& row : texts_.rows) cells.push_back(row[found.columns.front()->place]);
  return cells;
}

std::optional<std::string> Table::own(std::string_view name, const std::vector<std::string>& fields) const {
  const auto find = [&](const std::string& header) {
    return std::any_of(columns_.begin(), columns_.end(), [&](const Column& c) { return c.header == header; });
  };
  const std::string plain(name);
  if (find("assay." + plain)) return "assay." + plain;
  const bool is_field = std::find(fields.begin(), fields.end(), plain) != fields.end();
  return !is_field && find(plain) ? std::optional(plain) : std::nullopt;
}

bool Table::is_own(std::string_view column) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](const Column& known) { return known.name.own && known.header == column; });
}

std::string Table::text(std::int64_t row, const std::string& header) const {
  const auto column = std::find_if(columns_.begin(), columns_.end(),
                                   [&](const Column& c) { return c.header == header; });
  if (column == columns_.end()) return "";
  if (!column->array.defined()) return texts_.rows[static_cast<std::size_t>(row)][column->place];
  const torch::Tensor value = column->array[row];
  if (value.numel() != 1) return std::to_string(value.numel()) + " numbers";
  return value.is_floating_point() ? Json(value.item<double>()).dump() : std::to_string(value.item<std::int64_t>());
}

std::string listed_problems(const std::vector<std::string>& problems) {
  constexpr std::size_t most = 20;
  std::string text = std::to_string(problems.size()) + (problems.size() == 1 ? " problem" : " problems");
  for (std::size_t i = 0; i < std::min(problems.size(), most); ++i) text += "\n  " + problems[i];
  return problems.size() > most ? text + "\n  …" : text;
}

Table read_table(const std::filesystem::path& file) {
  const std::string kind = file.extension().string(), source = file.string();
  if (kind == ".safetensors") return Table::from_arrays(read_safetensors(file), source);
  if (kind != ".npy") return Table::from_csv(detail::read_file(file), source);
  const torch::Tensor matrix = read_npy(file);
  if (matrix.dim() != 2) {
    throw DataError({"assay.table.rows", source, "a matrix [samples, columns]",
                     std::to_string(matrix.dim()) + " dimensions", "store one row a sample"});
  }
  Values columns;
  for (std::int64_t i = 0; i < matrix.size(1); ++i) columns.set(std::to_string(i), matrix.select(1, i).contiguous());
  return Table::from_arrays(std::move(columns), source);
}

}  // namespace assay
