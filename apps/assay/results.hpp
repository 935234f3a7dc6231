// SPDX-License-Identifier: Apache-2.0
// Results of samples that were asked for, as a file holds them.
#pragma once

#include <assay/config.hpp>
#include <assay/data/table.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace assay::app {

/// What the fields of a campaign's samples are called: inputs, targets, and what else candidates and `samples` hold.
std::vector<std::string> fields_of(const AnyDriver& driver, const std::vector<Sample>& samples);

/// What a column of assay's own is called beside fields: by its name alone, or with `assay.` where a field is so
/// called.
std::string own_column(std::string_view name, const std::vector<std::string>& fields);

/// An outcome for each row of a table.
class Results {
 public:
  /// Errors: as `open_table`; `DataError` `assay.table.column` for a table without ids, or without a target although
  /// there are labels in it.
  Results(const AnyDriver& driver, const std::filesystem::path& campaign, const std::filesystem::path& file);

  const Table& table() const { return table_; }
  std::int64_t size() const { return table_.rows(); }
  std::string line(std::int64_t row) const { return table_.row_name(row) + ": "; }
  /// Whether a later row tells of the same sample: a file that grows says last what holds.
  bool is_superseded(std::int64_t row) const { return superseded_[static_cast<std::size_t>(row)]; }
  /// Nothing after adding to `problems` why the row cannot be told.
  std::optional<Told> told(std::int64_t row, std::vector<std::string>& problems) const;

 private:
  /// An input that stands in the table, too.
  struct Input {
    std::string name;
    torch::Tensor there;           ///< by row; NaN where a cell cannot be read
    std::vector<double> own = {};  ///< of the samples that are out
    double range = 0;              ///< of these
  };

  Results(const AnyDriver& driver, const std::filesystem::path& campaign, const std::filesystem::path& file,
          const std::vector<Sample>& asked);
  void know_inputs(const AnyDriver& driver, const std::filesystem::path& campaign, const std::vector<Sample>& asked);
  std::optional<std::string> contradiction(std::int64_t row, SampleId id) const;
  std::string cell(std::int64_t row, const std::optional<std::string>& column) const;
  std::string status(std::int64_t row) const;
  bool has_labels() const;
  std::optional<std::int64_t> whole(std::int64_t row, const std::string& column,
                                    std::vector<std::string>& problems) const;
  std::optional<Values> labels_in(std::int64_t row, std::vector<std::string>& problems) const;

  Schema known_;
  Table table_;
  std::string id_;
  std::optional<std::string> attempt_, solver_, status_, reason_;
  std::map<std::string, WantedField> targets_;
  std::vector<Input> inputs_;
  std::unordered_map<SampleId, std::size_t> asked_;  ///< places of what is out, where the table has inputs
  std::vector<bool> superseded_;                     ///< by row
};

}  // namespace assay::app
