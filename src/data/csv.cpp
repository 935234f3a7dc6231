// SPDX-License-Identifier: Apache-2.0
#include <assay/data/csv.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
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
           "'" + std::string(1, rest_.front()) + "'");
    return text;
  }

  std::string_view rest_;
  std::string where_;
  std::int64_t line_ = 1;
  std::int64_t line_of_row_ = 1;
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
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

std::string cell_of(const torch::Tensor& value) {
  if (!value.is_floating_point()) return std::to_string(value.item<std::int64_t>());
  const double number = value.item<double>();
  if (std::isnan(number)) return "";
  return value.scalar_type() == torch::kFloat64 ? shortest(number) : shortest(static_cast<float>(number));
}

}  // namespace

CsvTable parse_csv(std::string_view text, std::string_view where) {
  Reader reader(text, where);
  CsvTable table;
  std::optional<std::vector<std::string>> header = reader.row();
  if (!header) fail(where, 1, "a line with the names of the columns", "an empty file");
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
  std::vector<torch::Tensor> tensors;
  for (const auto& [name, cells] : texts) put(quoted(name));
  for (const auto& [name, tensor] : columns) {
    tensors.push_back(tensor.reshape({tensor.size(0), -1}).contiguous());
    for (std::int64_t i = 0; i < tensors.back().size(1); ++i) {
      put(quoted(tensor.dim() == 1 ? name : indexed(name, static_cast<std::size_t>(i))));
    }
  }
  end_row();
  const std::size_t rows = texts.empty() ? static_cast<std::size_t>(batch_size(columns)) : texts.front().second.size();
  for (std::size_t row = 0; row < rows; ++row) {
    for (const auto& [name, cells] : texts) put(quoted(cells[row]));
    for (const torch::Tensor& tensor : tensors) {
      const torch::Tensor values = tensor[static_cast<std::int64_t>(row)];
      for (std::int64_t i = 0; i < values.size(0); ++i) put(cell_of(values[i]));
    }
    end_row();
  }
  return out;
}

}  // namespace assay
