// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/csv.hpp>
#include <assay/data/space.hpp>
#include <assay/data/values.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Every table that assay reads, by one set of rules, whatever file it comes from.

namespace assay {

/// The name of a column, taken apart: `f[2] [MPa]` is number 2 of field `f`, in MPa; `assay.id` is one of assay's own.
struct ColumnName {
  std::string field;
  std::string unit = {};                             ///< as it stands there; empty where none does
  std::optional<std::int64_t> index = std::nullopt;  ///< of one of several numbers of the field
  bool own = false;                                  ///< no field: what assay notes of samples
};

/// Takes the name of a column apart. Brackets at its end hold an index, if digits directly behind the name, or a unit.
ColumnName column_name(std::string_view header);

/// Whether two units are one: as they stand there, but for the two signs of micro, and for "1" and "-" as no unit.
bool same_unit(std::string_view a, std::string_view b);

/// What is to be read: a field of a table, and what is known of it.
struct WantedField {
  std::string column;                        ///< the field's name in the table, or the whole name of a column
  std::string unit = {};                     ///< that a unit in the table has to be; empty: any
  std::vector<std::string> categories = {};  ///< names that may stand for 0, 1, …
  bool may_lack = false;                     ///< an empty cell, or NaN, is NaN: there is no value
};

/// What the space says of the fields that are read by their own names. \param columns those that are called otherwise.
std::map<std::string, WantedField> wanted_fields(const std::vector<std::string>& fields, const Space* space = nullptr,
                                                 const std::map<std::string, std::string>& columns = {});

/// A table of samples: rows of a CSV file, or arrays with rows along their first axis.
///
/// Columns `f[0]`, `f[1]`, … are one field of several numbers; `x [mm]` is field x, in mm. Columns whose names begin
/// with `assay.` are assay's own, and no fields. A column without a name, or with pandas' `Unnamed: 0`, that holds
/// distinct whole numbers counts the rows, and is left out with a note; so is one without a name or a cell.
class Table {
 public:
  /// Errors: as `parse_csv`; `DataError` `assay.table.column` for a column without a name that does not count rows.
  static Table from_csv(std::string_view text, const std::string& source);
  /// \param arrays by name. Errors: `DataError` `assay.table.rows` where they differ in length.
  static Table from_arrays(Values arrays, std::string source);

  const std::string& source() const noexcept { return source_; }
  std::int64_t rows() const noexcept { return rows_; }
  /// "line 12" of a file of lines, "row 3" of arrays.
  std::string row_name(std::int64_t row) const;
  /// What was left out, a line each.
  const std::vector<std::string>& notes() const noexcept { return notes_; }

  /// Names of all fields, in their order.
  std::vector<std::string> fields() const;
  /// Whether there is such a field, or a column of this whole name.
  bool contains(std::string_view field) const;
  /// Whole names of the columns of a field, by index.
  std::vector<std::string> headers(const std::string& field) const;
  /// The unit that stands with a field; empty where none does.
  std::string unit(std::string_view field) const;
  /// One number a row where the shape is [], else several. Errors: as `require`.
  std::vector<std::int64_t> shape(const WantedField& field) const;
  /// Errors: `DataError` `assay.table.column` for a field that is not there, or not as it is wanted: another unit than
  /// `unit`, a number of a vector that is left out, one name for a column and a vector.
  void require(const WantedField& field) const;

  /// The numbers of a row under a field, as float64. \return nothing after adding why to `problems`, in words ("line
  /// 12: f: expected a number, got 'n/a'"). Errors: as `require`.
  std::optional<torch::Tensor> numbers(std::int64_t row, const WantedField& field,
                                       std::vector<std::string>& problems) const;
  /// Those of all rows. Errors: as `require`; `DataError` `assay.table.cells` with every cell that cannot be read.
  torch::Tensor numbers(const WantedField& field) const;
  /// The same, with the cells that cannot be read told in `problems`. Errors: as `require`.
  torch::Tensor numbers(const WantedField& field, std::vector<std::string>& problems) const;
  /// Fields of a batch, as float64. Errors: as `numbers`, of all fields at once.
  Values batch(const std::map<std::string, WantedField>& fields) const;
  /// All fields, as they are: float64 from texts, arrays in their own dtypes. Errors: as `batch`.
  Values all() const;

  /// The texts of a field of one column; nothing for a field of arrays.
  std::optional<std::vector<std::string>> texts(const std::string& field) const;

  /// The column of what assay notes of samples: `assay.NAME`, or `NAME` where no field is called so.
  /// \param fields of the campaign that the table belongs to.
  std::optional<std::string> own(std::string_view name, const std::vector<std::string>& fields) const;
  /// Whether a column of this whole name is one of assay's own.
  bool is_own(std::string_view column) const;
  /// What stands in a row under a column, in words.
  std::string text(std::int64_t row, const std::string& column) const;

 private:
  struct Column {
    std::string header;
    ColumnName name;
    std::size_t place = 0;  ///< in a row of texts
    torch::Tensor array = {};
  };
  struct Field {
    std::string name;
    std::vector<const Column*> columns;  ///< by index
    bool one_number = true;              ///< a row
  };

  explicit Table(std::string source) : source_(std::move(source)) {}
  void take_names(const std::vector<std::string>& headers);
  void leave_out_row_numbers();
  bool counts_rows(const Column& column) const;
  Field field(const WantedField& wanted) const;
  std::vector<const Column*> columns_of(std::string_view field) const;
  bool read(std::int64_t row, const Field& field, const WantedField& wanted, double* out,
            std::vector<std::string>& problems) const;
  torch::Tensor arrays(const Field& field, std::optional<std::int64_t> row) const;
  torch::Tensor read_all(const WantedField& wanted, bool as_they_are, std::vector<std::string>& problems) const;
  [[noreturn]] void fail_column(std::string expected, std::string got, std::string advice) const;
  void require_read(const std::vector<std::string>& problems) const;

  std::string source_;
  std::int64_t rows_ = 0;
  CsvTable texts_;
  std::vector<Column> columns_;
  std::vector<std::string> notes_;
};

/// The first 20 of what is wrong with rows, each on a line of its own, after a count of all.
std::string listed_problems(const std::vector<std::string>& problems);

/// A file by its ending: .csv (and any other text), .npy (columns by their numbers) or .safetensors.
Table read_table(const std::filesystem::path& file);

}  // namespace assay
