// SPDX-License-Identifier: Apache-2.0
// The numbers in the cells of a table.
#include "cells.hpp"

#include <assay/data/table.hpp>
#include <assay/error.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>

namespace assay {

namespace {

/// The position of a category that a cell names, or counts; nothing after saying in `problem` why there is none.
std::optional<double> category_in(std::string_view cell, const std::vector<std::string>& categories,
                                  std::string& problem) {
  std::string known;
  for (const std::string& name : categories) known += (known.empty() ? "'" : ", '") + name + "'";
  const auto named = std::find(categories.begin(), categories.end(), cell);
  const std::optional<double> number = data::exact_number(cell);
  const bool counts = number && *number >= 0 && *number < static_cast<double>(categories.size()) &&
                      *number == std::floor(*number);
  const auto place = static_cast<double>(named - categories.begin());
  if (named != categories.end() && (!counts || *number == place)) return place;
  if (named == categories.end() && counts) return number;
  problem = "expected one of " + known + ", or its place from 0 on, got " +
            (named != categories.end()
                 ? "'" + std::string(cell) + "', which is the name of one and the place of another"
             : number ? "'" + std::string(cell) + "'"
                      : data::what_is(cell));
  return std::nullopt;
}

bool is_nan(std::string_view cell) {
  const std::optional<double> number = csv_number(cell);
  return number && std::isnan(*number);
}

/// Whether all numbers are there and finite; NaN too where values may lack.
bool are_readable(const torch::Tensor& numbers, bool may_lack) {
  const torch::Tensor finite = at::isfinite(numbers);
  return (may_lack ? finite | at::isnan(numbers) : finite).all().item<bool>();
}

}  // namespace

bool Table::read(std::int64_t row, const Field& field, const WantedField& wanted, double* out,
                 std::vector<std::string>& problems) const {
  for (const Column* column : field.columns) {
    const std::string& cell = texts_.rows[static_cast<std::size_t>(row)][column->place];
    std::string problem;
    std::optional<double> number;
    if (wanted.may_lack && (cell.empty() || is_nan(cell))) {
      number = std::nan("");
    } else if (wanted.categories.empty()) {
      number = data::exact_number(cell);
      if (!number) problem = "expected a number, got " + data::what_is(cell);
    } else {
      number = category_in(cell, wanted.categories, problem);
    }
    if (!number) {
      problems.push_back(row_name(row) + ": " + column->header + ": " + problem);
      return false;
    }
    *out++ = *number;
  }
  return true;
}

/// The numbers of a field side by side, in their own dtype: [n, …], or those of one row.
torch::Tensor Table::arrays(const Field& field, std::optional<std::int64_t> row) const {
  std::vector<torch::Tensor> columns;
  for (const Column* column : field.columns) columns.push_back(row ? column->array[*row] : column->array);
  return field.one_number ? columns.front() : at::stack(columns, -1);
}

std::optional<torch::Tensor> Table::numbers(std::int64_t row, const WantedField& wanted,
                                            std::vector<std::string>& problems) const {
  const Field found = field(wanted);
  if (!found.columns.front()->array.defined()) {
    torch::Tensor numbers = at::empty(shape(wanted), torch::kFloat64);
    if (!read(row, found, wanted, numbers.mutable_data_ptr<double>(), problems)) return std::nullopt;
    return numbers;
  }
  const torch::Tensor value = arrays(found, row), numbers = value.to(torch::kFloat64);
  std::string problem;
  if (!are_readable(numbers, wanted.may_lack)) problem = "a number, got one that is not finite";
  if (!value.is_floating_point() && !numbers.to(value.scalar_type()).equal(value))
    problem = "a whole number that float64 holds (all up to 2^53), got another";
  if (problem.empty()) return numbers;
  problems.push_back(row_name(row) + ": " + found.columns.front()->header + ": expected " + problem);
  return std::nullopt;
}

/// Those of all rows; what cannot be read is told in `problems`.
torch::Tensor Table::read_all(const WantedField& wanted, bool as_they_are, std::vector<std::string>& problems) const {
  const Field found = field(wanted);
  if (found.columns.front()->array.defined()) {
    const torch::Tensor values = arrays(found, std::nullopt), numbers = values.to(torch::kFloat64);
    const bool exact = values.is_floating_point() || numbers.to(values.scalar_type()).equal(values);
    if (!are_readable(numbers, wanted.may_lack) || (!exact && !as_they_are)) {
      for (std::int64_t row = 0; row < rows_; ++row) this->numbers(row, wanted, problems);
    }
    return as_they_are ? values : numbers;
  }
  std::vector<std::int64_t> sizes = shape(wanted);
  sizes.insert(sizes.begin(), rows_);
  torch::Tensor numbers = at::full(sizes, std::nan(""), torch::kFloat64);  // which cells that cannot be read stay
  auto* out = numbers.mutable_data_ptr<double>();
  for (std::int64_t row = 0; row < rows_; ++row, out += found.columns.size()) read(row, found, wanted, out, problems);
  return numbers;
}

torch::Tensor Table::numbers(const WantedField& wanted) const {
  std::vector<std::string> problems;
  torch::Tensor numbers = this->numbers(wanted, problems);
  require_read(problems);
  return numbers;
}

torch::Tensor Table::numbers(const WantedField& wanted, std::vector<std::string>& problems) const {
  return read_all(wanted, /*as_they_are=*/false, problems);
}

Values Table::batch(const std::map<std::string, WantedField>& fields) const {
  std::vector<std::string> problems;
  Values batch;
  for (const auto& [name, wanted] : fields) batch.set(name, numbers(wanted, problems));
  require_read(problems);
  return batch;
}

Values Table::all() const {
  std::vector<std::string> problems;
  Values batch;
  for (const std::string& name : fields()) batch.set(name, read_all({.column = name}, /*as_they_are=*/true, problems));
  require_read(problems);
  return batch;
}

}  // namespace assay
