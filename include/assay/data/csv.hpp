// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// The texts of a CSV file: names in the first line, then rows. What they mean, `Table` knows.
struct CsvTable {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::int64_t> lines;  ///< of the file, where each row begins
  std::int64_t header_line = 1;     ///< where the names stand
};

/// Reads CSV (RFC 4180): quoted cells may hold commas, quotes and line ends; lines may end with LF or CRLF; a byte
/// order mark is skipped, and so are rows without any content. Cells come without the blanks around them. \param where
/// names the source in messages. Errors: `DataError` `assay.csv`, with the line and what to do, for what is no such
/// table: no header, or a comment, numbers or "sep=" in its place; comments between rows; a name that stands twice; a
/// row with more or fewer cells than the header; a quote that never ends; other separators than commas; lines that end
/// with CR alone; text that is not UTF-8; files of other programs.
CsvTable parse_csv(std::string_view text, std::string_view where);
CsvTable read_csv(const std::filesystem::path& file);

/// The number that a cell holds, blanks around it aside, with Fortran's D exponents; nothing for any other text. NaN
/// and infinity are numbers here.
std::optional<double> csv_number(std::string_view cell);

/// Whether a cell says that there is no value: it is empty, or holds "NA", "null", "-" and the like. "nan" is a number.
bool marks_missing(std::string_view cell);

/// Columns of text, then a batch, as CSV: a tensor [n] is one column `name`, one of more dimensions
/// `name[0]`, `name[1]`, …. Numbers are the shortest that read back the same; NaN is an empty cell.
std::string to_csv(const std::vector<std::pair<std::string, std::vector<std::string>>>& texts, const Values& columns);

}  // namespace assay
