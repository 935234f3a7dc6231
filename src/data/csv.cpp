// SPDX-License-Identifier: Apache-2.0
#include "cells.hpp"

#include <assay/data/csv.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

namespace assay {

namespace {

[[noreturn]] void csv_refused(std::string_view where, std::int64_t line, std::string expected, std::string got,
                              std::string advice) {
  throw DataError({"assay.csv", std::string(where) + ", line " + std::to_string(line), std::move(expected),
                   std::move(got), std::move(advice)});
}

/// Files of other programs, by their first bytes.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> other_files{
    {{"PK\x03\x04", "a zip file, as Excel's workbooks and .npz files are"},
     {"\xD0\xCF\x11\xE0", "a workbook of an old Excel"},
     {"\x89HDF", "an HDF5 file"},
     {"\x93NUMPY", "a .npy file"},
     {"\x1F\x8B", "a file that gzip packed"},
     {"PAR1", "a Parquet file"},
     {"SQLite format 3", "a data base of SQLite"}}};

/// Goes through the cells of a CSV text.
class Reader {
 public:
  Reader(std::string_view text, std::string_view where) : rest_(text), where_(where) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);  // as spreadsheets write it
    require_text();
  }

  /// The next row with any content; nothing at the end.
  std::optional<std::vector<std::string>> row() {
    while (!rest_.empty()) {
      if (rest_.front() == '\n' || rest_.starts_with("\r\n")) {
        skip_line_end();
        continue;
      }
      std::vector<std::string> cells = cells_of_row();
      const auto blank = [](const std::string& cell) { return cell.empty(); };
      if (!std::all_of(cells.begin(), cells.end(), blank)) return cells;
    }
    return std::nullopt;
  }
  std::int64_t line_of_row() const { return line_of_row_; }

 private:
  /// Refuses, by its cause, what would be taken for cells that nobody meant.
  void require_text() {
    constexpr const char* in_utf8 = "save it as UTF-8";
    if (rest_.starts_with("\xFF\xFE") || rest_.starts_with("\xFE\xFF"))
      csv_refused(where_, 1, "text in UTF-8", "UTF-16", in_utf8);
    for (const auto& [beginning, kind] : other_files) {
      if (rest_.starts_with(beginning))
        csv_refused(where_, 1, "a CSV file", std::string(kind),
                    "save the table as CSV, or give the file the name of its kind");
    }
    if (rest_.find('\0') != std::string_view::npos)
      csv_refused(where_, 1, "text in UTF-8", "bytes of zero: UTF-16, or no text at all", in_utf8);
    if (std::none_of(rest_.begin(), rest_.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) return;
    std::int64_t line = 1;
    for (std::string_view left = rest_; !left.empty(); ++line) {
      const std::string_view text = left.substr(0, left.find('\n'));
      if (detail::valid_utf8(text) != text)
        csv_refused(where_, line, "text in UTF-8", "other bytes, as of Latin-1 or Windows-1252", in_utf8);
      left.remove_prefix(std::min(text.size() + 1, left.size()));
    }
  }

  std::vector<std::string> cells_of_row() {
    line_of_row_ = line_;
    skip_blanks();
    if (rest_.starts_with('#') && !data::is_spreadsheet_error(rest_.substr(0, rest_.find_first_of(",\r\n"))))
      csv_refused(where_, line_, "a row of the table", "a comment",
                  "remove the lines that begin with #; in front of the names remove the # alone");
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

  void skip_line_end() {
    rest_.remove_prefix(rest_.front() == '\r' ? 2 : 1);
    ++line_;
  }

  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  std::string cell() {
    skip_blanks();
    if (!rest_.starts_with('"')) {
      const std::size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
      std::string_view text = rest_.substr(0, end);
      rest_.remove_prefix(end);
      if (text.ends_with('\r') && (rest_.empty() || rest_.front() == '\n')) text.remove_suffix(1);
      if (text.find('\r') != std::string_view::npos)
        csv_refused(where_, line_of_row_, "lines that end with LF or CRLF", "CR alone", "save it with other line ends");
      return std::string(data::trimmed(text));
    }
    rest_.remove_prefix(1);
    std::string text;
    while (true) {
      const std::size_t quote = rest_.find('"');
      if (quote == std::string_view::npos)
        csv_refused(where_, line_of_row_, "a quote at the end of a quoted cell", "none",
                    "end the cell that begins in this line");
      text += rest_.substr(0, quote);
      line_ += std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(quote), '\n');
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      text += '"';
      rest_.remove_prefix(1);
    }
    skip_blanks();
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
    if (!rest_.empty() && rest_.front() != ',' && rest_.front() != '\n')
      csv_refused(where_, line_of_row_, "a comma or the end of the line after a quoted cell",
                  std::string("'").append(1, rest_.front()).append("'"), "write a quote within a quoted cell twice");
    return std::string(data::trimmed(text));
  }

  std::string_view rest_;
  std::string where_;
  std::int64_t line_ = 1;
  std::int64_t line_of_row_ = 1;
};

/// Refuses a first line that holds no names, or is not made of cells between commas.
void require_names(const std::vector<std::string>& names, std::string_view where, std::int64_t line) {
  constexpr const char* by_commas = "cells between commas";
  if (names.front().starts_with("sep="))
    csv_refused(where, line, "a line with the names of the columns", "'" + names.front() + "', a line for Excel",
                "remove that line");
  if (names.size() == 1 && names.front().find_first_of(";\t|") != std::string::npos)
    csv_refused(where, line, by_commas, "semicolons, tabs or bars",
                "save it with commas, and with points in its numbers");
  bool numbers = true, counted = names.size() > 1;
  for (std::size_t i = 0; i < names.size(); ++i) {
    numbers = numbers && csv_number(names[i]);
    counted = counted && names[i] == std::to_string(i);
  }
  if (numbers && !counted)
    csv_refused(where, line, "a line with the names of the columns", "numbers alone",
                "write the names into the first line");
}

/// Whether a text is several numbers with blanks between.
bool holds_several_numbers(std::string_view text) {
  std::size_t count = 0;
  while (!(text = data::trimmed(text)).empty()) {
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    if (!csv_number(text.substr(0, end))) return false;
    text.remove_prefix(end);
    ++count;
  }
  return count > 1;
}

void require_width(const std::vector<std::string>& cells, std::size_t width, std::string_view where,
                   std::int64_t line) {
  if (width == 1 && cells.size() == 1 && holds_several_numbers(cells.front()))
    csv_refused(where, line, "cells between commas", "blanks between numbers", "save it with commas");
  if (cells.size() == width) return;
  csv_refused(where, line, std::to_string(width) + " cells, as the header has", std::to_string(cells.size()),
              cells.size() > width && width > 1 ? "write 1.5 for 1,5, and texts with commas in quotes"
                                                : "complete the row; the first line of the file has the names");
}

/// `text`, quoted where CSV asks for it.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos && !text.starts_with('#')) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
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
    return single_ ? data::shortest(static_cast<float>(number)) : data::shortest(number);
  }

 private:
  bool single_;
  torch::Tensor numbers_;
};

}  // namespace

CsvTable parse_csv(std::string_view text, std::string_view where) {
  Reader reader(text, where);
  CsvTable table;
  std::optional<std::vector<std::string>> header = reader.row();
  if (!header)
    csv_refused(where, 1, "a line with the names of the columns", "an empty file",
                "write the names into the first line");
  require_names(*header, where, reader.line_of_row());
  std::set<std::string> seen;
  for (const std::string& name : *header) {
    if (!name.empty() && !seen.insert(name).second)
      csv_refused(where, reader.line_of_row(), "every name once", "'" + name + "' twice", "rename one, or remove it");
  }
  table.names = std::move(*header);
  table.header_line = reader.line_of_row();
  while (std::optional<std::vector<std::string>> row = reader.row()) {
    require_width(*row, table.names.size(), where, reader.line_of_row());
    table.lines.push_back(reader.line_of_row());
    table.rows.push_back(std::move(*row));
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& file) { return parse_csv(detail::read_file(file), file.string()); }

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
      put(quoted(tensor.dim() == 1 ? name : data::indexed(name, static_cast<std::size_t>(i))));
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
