// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// A table as CSV files hold it: names in the first line, then rows of texts.
struct CsvTable {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::int64_t> lines;  ///< of the file, where each row begins

  /// The column of a name.
  std::optional<std::size_t> find(std::string_view name) const;
};

/// Reads CSV (RFC 4180): quoted cells may hold commas, quotes and line ends; lines may end with LF or CRLF; empty lines
/// are skipped. \param where names the source in messages.
/// Errors: `DataError` `assay.csv`, with the line, for no header or a comment in its place, a name that stands twice, a
/// row with more or fewer cells than the header, a quote that never ends, other separators than commas, lines that end
/// with CR alone, text that is not UTF-8.
CsvTable parse_csv(std::string_view text, std::string_view where);
CsvTable read_csv(const std::filesystem::path& file);

/// The number that a cell holds, blanks around it aside, with Fortran's D exponents; nothing for any other text. NaN
/// and infinity are numbers here.
std::optional<double> csv_number(std::string_view cell);

/// Which column or columns of a table hold a field: `name` one number a row, `name[0]`, `name[1]`, … one row of each.
/// Errors: `DataError` `assay.csv.column` if there is neither, or an index is left out.
std::vector<std::size_t> csv_columns(const CsvTable& table, std::string_view name, std::string_view where);

/// The numbers of a row under some columns, as a float64 tensor: of shape [] for one column that has no index, else
/// [n]. \return nothing after adding why to `problems`, in words ("line 12: stress: expected a number, got 'n/a'"): an
/// empty cell, one that is no finite number, or a whole number in digits that float64 does not hold.
std::optional<torch::Tensor> csv_numbers(const CsvTable& table, std::size_t row,
                                         const std::vector<std::size_t>& columns, std::vector<std::string>& problems);

/// The first 20 of what is wrong with rows, each on a line of its own, after a count of all.
std::string csv_listed(const std::vector<std::string>& problems);

/// Every row of a table as one batch of float64 fields. \param fields the column of each field, as `csv_columns` takes
/// it. Errors: as `csv_columns`; `DataError` `assay.csv.rows` with all cells that are no finite number.
Values csv_batch(const CsvTable& table, const std::map<std::string, std::string>& fields, std::string_view where);

/// Columns of text, then a batch, as CSV: a tensor [n] is one column `name`, one of more dimensions
/// `name[0]`, `name[1]`, …. Numbers are the shortest that read back the same; NaN is an empty cell.
std::string to_csv(const std::vector<std::pair<std::string, std::vector<std::string>>>& texts, const Values& columns);

}  // namespace assay
