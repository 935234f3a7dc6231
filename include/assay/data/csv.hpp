// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// A table as CSV files hold it: names in the first line, then rows of texts.
struct CsvTable {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
};

/// Reads CSV (RFC 4180): quoted cells may hold commas, quotes and line ends; lines may end with LF or CRLF; empty lines
/// are skipped. \param where names the source in messages.
/// Errors: `DataError` `assay.csv` for no header, a name that stands twice, a row with more or fewer cells than the
/// header, or a quote that never ends, with the line.
CsvTable parse_csv(std::string_view text, std::string_view where);
CsvTable read_csv(const std::filesystem::path& file);

/// Columns of text, then a batch, as CSV: a tensor [n] is one column `name`, one of more dimensions
/// `name[0]`, `name[1]`, …. Numbers are the shortest that read back the same; NaN is an empty cell.
std::string to_csv(const std::vector<std::pair<std::string, std::vector<std::string>>>& texts, const Values& columns);

}  // namespace assay
