// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"

#include <algorithm>
#include <iostream>

namespace assay::app {

namespace {

/// Whether an array of HDF5 files holds texts that `assay export` put there.
bool is_exported_text(const std::string& name) { return name == "assay.purpose" || name == "assay.strategy"; }

/// The arrays of a file that are needed.
template <class Read>
Table arrays_of(const std::filesystem::path& file, const std::vector<std::string>& all,
                const std::vector<std::string>& fields, const Read& read) {
  const auto needed = [&](const std::string& name) {
    if (fields.empty()) return !is_exported_text(name);
    const ColumnName column = column_name(name);  // `assay.purpose` is not the field `purpose`
    return std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
      return field == name || (!column.own && field == column.field);
    });
  };
  Values arrays;
  for (const std::string& name : all) {
    if (needed(name)) arrays.set(name, read(file, name));
  }
  return Table::from_arrays(std::move(arrays), file.string());
}

}  // namespace

Table open_table(const std::filesystem::path& file, const std::vector<std::string>& fields) {
  const std::string kind = file.extension().string();
  if (kind == ".npz") return arrays_of(file, npz_names(file), fields, &read_npz);
  if (kind == ".h5" || kind == ".hdf5") return arrays_of(file, hdf5_names(file), fields, &read_hdf5);
  return read_table(file);
}

void say_notes(const Table& table) {
  for (const std::string& note : table.notes()) std::cerr << "assay: " << note << '\n';
}

}  // namespace assay::app
