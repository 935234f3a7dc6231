// SPDX-License-Identifier: Apache-2.0
#include <assay/data/csv.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/options.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

namespace assay {

namespace {

[[noreturn]] void fail(std::string_view where, std::int64_t line, std::string expected, std::string got) {
  throw DataError(
      {"assay.csv", std::string(where) + ", line " + std::to_string(line), std::move(expected), std::move(got), ""});
}

/// Goes through the cells of a CSV text.
class Reader {
 public:
  Reader(std::string_view text, std::string_view where) : rest_(text), where_(where) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);  // as spreadsheets write it
  }

  /// The next row that is not empty; nothing at the end.
  std::optional<std::vector<std::string>> row() {
    if (at_start_) require_text();
    at_start_ = false;
    while (!rest_.empty() && (rest_.front() == '\n' || rest_.starts_with("\r\n"))) skip_line_end();
    if (rest_.empty()) return std::nullopt;
    line_of_row_ = line_;
    std::vector<std::string> cells;
    while (true) {
      cells.push_back(cell());
      if (rest_.empty()) return cells;
      if (rest_.front() != ',') break;
      rest_.remove_prefix(1);
    }
    skip_line_end();
    return cells;
  }
  std::int64_t line_of_row() const { return line_of_row_; }

 private:
  /// Refuses, by its cause, what would be taken for cells that nobody meant.
  void require_text() {
    if (rest_.starts_with("\xFF\xFE") || rest_.starts_with("\xFE\xFF"))
      fail(where_, 1, "text in UTF-8", "UTF-16: save it as UTF-8");
    if (std::none_of(rest_.begin(), rest_.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) return;
    std::int64_t line = 1;
    for (std::string_view left = rest_; !left.empty(); ++line) {
      const std::string_view text = left.substr(0, left.find('\n'));
      if (detail::valid_utf8(text) != text) fail(where_, line, "text in UTF-8", "other bytes: save it as UTF-8");
      left.remove_prefix(std::min(text.size() + 1, left.size()));
    }
  }

  void skip_line_end() {
    rest_.remove_prefix(rest_.front() == '\r' ? 2 : 1);
    ++line_;
  }

  std::string cell() {
    if (!rest_.starts_with('"')) {
      const std::size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
      std::string_view text = rest_.substr(0, end);
      rest_.remove_prefix(end);
      if (text.ends_with('\r') && (rest_.empty() || rest_.front() == '\n')) text.remove_suffix(1);
      if (text.find('\r') != std::string_view::npos)
        fail(where_, line_of_row_, "lines that end with LF or CRLF", "CR alone: save it with other line ends");
      return std::string(text);
    }
    rest_.remove_prefix(1);
    std::string text;
    while (true) {
      const std::size_t quote = rest_.find('"');
      if (quote == std::string_view::npos) fail(where_, line_of_row_, "a quote at the end of a quoted cell", "none");
      text += rest_.substr(0, quote);
      line_ += std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(quote), '\n');
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      text += '"';
      rest_.remove_prefix(1);
    }
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
    if (!rest_.empty() && rest_.front() != ',' && rest_.front() != '\n')
      fail(where_, line_of_row_, "a comma or the end of the line after a quoted cell",
           std::string("'").append(1, rest_.front()).append("'"));
    return text;
  }

  std::string_view rest_;
  std::string where_;
  std::int64_t line_ = 1;
  std::int64_t line_of_row_ = 1;
  bool at_start_ = true;
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// A number as other programs write it, as `from_chars` reads it: without a plus, with E in place of Fortran's D.
std::string plain_number(std::string_view cell) {
  if (cell.starts_with('+') && !cell.substr(1).starts_with('-')) cell.remove_prefix(1);
  std::string text(cell);
  const std::size_t exponent = text.find_first_of("dD");
  const bool behind_digits = exponent != std::string::npos && exponent > 0 &&
                             (text[exponent - 1] == '.' || (text[exponent - 1] >= '0' && text[exponent - 1] <= '9'));
  if (behind_digits) text[exponent] = 'e';
  return text;
}

/// Whether float64 holds the whole number that a cell writes in digits: beyond 2^53 it holds few of them.
bool is_exact(std::string_view cell, double number) {
  constexpr double all_below = 0x1p53;
  std::string text = plain_number(trimmed(cell));
  if (std::abs(number) < all_below || text.find_first_not_of("-0123456789") != std::string::npos) return true;
  std::array<char, 400> exact{};
  std::snprintf(exact.data(), exact.size(), "%.0f", std::abs(number));
  const std::size_t first = std::min(text.find_first_not_of("-0"), text.size());
  return text.substr(first) == exact.data();
}

/// Puts the numbers of a row into `out`; \return false after adding to `problems` why it cannot.
bool read_numbers(const CsvTable& table, std::size_t row, const std::vector<std::size_t>& columns, double* out,
                  std::vector<std::string>& problems) {
  for (const std::size_t column : columns) {
    const std::string& cell = table.rows[row][column];
    const std::optional<double> number = csv_number(cell);
    const bool finite = number && std::isfinite(*number);
    if (!finite || !is_exact(cell, *number)) {
      const std::string got = trimmed(cell).empty() ? "nothing" : "'" + cell + "'";
      problems.push_back("line " + std::to_string(table.lines[row]) + ": " + table.names[column] + ": expected a " +
                         (finite ? "whole number that float64 holds (all up to 2^53), got " : "number, got ") + got);
      return false;
    }
    *out++ = *number;
  }
  return true;
}

/// Shape of one row of a field.
std::vector<std::int64_t> shape_of(const CsvTable& table, const std::vector<std::size_t>& columns) {
  if (columns.size() == 1 && !table.names[columns[0]].ends_with(']')) return {};
  return {static_cast<std::int64_t>(columns.size())};
}

std::string indexed(std::string_view name, std::size_t i) { return std::string(name) + "[" + std::to_string(i) + "]"; }

/// `text`, quoted where CSV asks for it.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

template <class Number>
std::string shortest(Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), end.ptr};
}

/// A field of many rows, each a row of cells.
class Cells {
 public:
  explicit Cells(const torch::Tensor& field)
      : single_(field.scalar_type() != torch::kFloat64),
        numbers_(field.detach()
                     .to(torch::kCPU, field.is_floating_point() ? torch::kFloat64 : torch::kInt64)
                     .reshape({field.size(0), -1})
                     .contiguous()) {}

  std::int64_t in_a_row() const { return numbers_.size(1); }
  std::string text(std::size_t row, std::int64_t column) const {
    const auto place = static_cast<std::int64_t>(row) * in_a_row() + column;
    if (!numbers_.is_floating_point()) return std::to_string(numbers_.const_data_ptr<std::int64_t>()[place]);
    const double number = numbers_.const_data_ptr<double>()[place];
    if (std::isnan(number)) return "";
    return single_ ? shortest(static_cast<float>(number)) : shortest(number);
  }

 private:
  bool single_;
  torch::Tensor numbers_;
};

}  // namespace

std::optional<std::size_t> CsvTable::find(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

CsvTable parse_csv(std::string_view text, std::string_view where) {
  Reader reader(text, where);
  CsvTable table;
  std::optional<std::vector<std::string>> header = reader.row();
  if (!header) fail(where, 1, "a line with the names of the columns", "an empty file");
  if (header->front().starts_with('#'))
    fail(where, reader.line_of_row(), "a line with the names of the columns",
         "a comment: remove lines that begin with #");
  if (header->size() == 1 && header->front().find_first_of(";\t") != std::string::npos)
    fail(where, reader.line_of_row(), "cells between commas", "semicolons or tabs: save it with commas");
  std::set<std::string> seen;
  for (const std::string& name : *header) {
    table.names.emplace_back(trimmed(name));
    if (!seen.insert(table.names.back()).second)
      fail(where, reader.line_of_row(), "every name once", "'" + name + "' twice");
  }
  while (std::optional<std::vector<std::string>> row = reader.row()) {
    if (row->size() != table.names.size()) {
      fail(where, reader.line_of_row(), std::to_string(table.names.size()) + " cells, as the header has",
           std::to_string(row->size()));
    }
    table.lines.push_back(reader.line_of_row());
    table.rows.push_back(std::move(*row));
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& file) { return parse_csv(detail::read_file(file), file.string()); }

std::optional<double> csv_number(std::string_view cell) {
  const std::string text = plain_number(trimmed(cell));
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::size_t> csv_columns(const CsvTable& table, std::string_view name, std::string_view where) {
  if (const std::optional<std::size_t> one = table.find(name)) return {*one};
  std::vector<std::size_t> columns;
  while (const std::optional<std::size_t> next = table.find(indexed(name, columns.size()))) columns.push_back(*next);
  const auto belongs = [&](const std::string& other) {
    return other.starts_with(std::string(name) + "[") && other.ends_with(']');
  };
  const auto members = static_cast<std::size_t>(std::count_if(table.names.begin(), table.names.end(), belongs));
  if (members != columns.size()) {
    throw DataError({"assay.csv.column", std::string(where),
                     std::to_string(members) + " columns '" + indexed(name, 0) + "' to '" + indexed(name, members - 1) +
                         "', one for each",
                     "no '" + indexed(name, columns.size()) + "'", ""});
  }
  if (columns.empty()) {
    throw DataError({"assay.csv.column", std::string(where),
                     "a column '" + std::string(name) + "', or '" + indexed(name, 0) + "' and so on", "",
                     detail::suggest(name, table.names)});
  }
  return columns;
}

std::optional<torch::Tensor> csv_numbers(const CsvTable& table, std::size_t row,
                                         const std::vector<std::size_t>& columns, std::vector<std::string>& problems) {
  torch::Tensor numbers = at::empty(shape_of(table, columns), torch::kFloat64);
  if (!read_numbers(table, row, columns, numbers.mutable_data_ptr<double>(), problems)) return std::nullopt;
  return numbers;
}

std::string csv_listed(const std::vector<std::string>& problems) {
  constexpr std::size_t most = 20;
  std::string text = std::to_string(problems.size()) + (problems.size() == 1 ? " problem" : " problems");
  for (std::size_t i = 0; i < std::min(problems.size(), most); ++i) text += "\n  " + problems[i];
  return problems.size() > most ? text + "\n  …" : text;
}

Values csv_batch(const CsvTable& table, const std::map<std::string, std::string>& fields, std::string_view where) {
  std::vector<std::string> problems;
  Values batch;
  for (const auto& [field, column] : fields) {
    const std::vector<std::size_t> columns = csv_columns(table, column, where);
    std::vector<std::int64_t> shape = shape_of(table, columns);
    shape.insert(shape.begin(), static_cast<std::int64_t>(table.rows.size()));
    torch::Tensor numbers = at::empty(shape, torch::kFloat64);
    auto* out = numbers.mutable_data_ptr<double>();
    for (std::size_t row = 0; row < table.rows.size(); ++row, out += columns.size())
      read_numbers(table, row, columns, out, problems);
    batch.set(field, numbers);
  }
  if (!problems.empty()) {
    throw DataError({"assay.csv.rows", std::string(where), "a number in every cell", csv_listed(problems), ""});
  }
  return batch;
}

std::string to_csv(const std::vector<std::pair<std::string, std::vector<std::string>>>& texts, const Values& columns) {
  std::string out;
  bool first = true;
  const auto put = [&](const std::string& cell) {
    if (!std::exchange(first, false)) out += ',';
    out += cell;
  };
  const auto end_row = [&] {
    out += '\n';
    first = true;
  };
  std::vector<Cells> numbers;
  for (const auto& [name, cells] : texts) put(quoted(name));
  for (const auto& [name, tensor] : columns) {
    numbers.emplace_back(tensor);
    for (std::int64_t i = 0; i < numbers.back().in_a_row(); ++i) {
      put(quoted(tensor.dim() == 1 ? name : indexed(name, static_cast<std::size_t>(i))));
    }
  }
  end_row();
  const std::size_t rows = texts.empty() ? static_cast<std::size_t>(batch_size(columns)) : texts.front().second.size();
  for (std::size_t row = 0; row < rows; ++row) {
    for (const auto& [name, cells] : texts) put(quoted(cells[row]));
    for (const Cells& field : numbers) {
      for (std::int64_t i = 0; i < field.in_a_row(); ++i) put(field.text(row, i));
    }
    end_row();
  }
  return out;
}

}  // namespace assay
