// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/table.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace assay::app {

/// Columns of text beside those of numbers.
using Texts = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// A file by its ending: .npz, .h5 and .hdf5, and all that `read_table` takes.
/// \param fields that are needed, under their own names or those of columns; empty: all that are none of assay's own.
/// Errors: as the reader of the file's kind; of a file of arrays for what is needed and cannot be read.
Table open_table(const std::filesystem::path& file, const std::vector<std::string>& fields = {});
/// Says on standard error what of a file was left out.
void say_notes(const Table& table);

/// \name NumPy's .npz: a zip file with an .npy file for each array
/// Errors: `DataError` `assay.npz` naming the file, and the entry that is missing or damaged.
/// @{
std::vector<std::string> npz_names(const std::filesystem::path& file);
torch::Tensor read_npz(const std::filesystem::path& file, const std::string& name);
void write_npz(const std::filesystem::path& file, const Values& columns);
/// @}

/// \name HDF5: datasets of numbers, `name` or `group/name`
/// Integers are read as int64, all other numbers as float64. Errors: `DataError` `assay.hdf5` naming the file, and the
/// dataset that is missing or holds no numbers; for every file where the command was built without HDF5.
/// @{
std::vector<std::string> hdf5_names(const std::filesystem::path& file);
torch::Tensor read_hdf5(const std::filesystem::path& file, const std::string& name);
void write_hdf5(const std::filesystem::path& file, const Values& columns, const Texts& texts);
/// @}

}  // namespace assay::app
