// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/table.hpp>
#include <assay/tools/labels.hpp>

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace assay {

/// Takes old results from a file into a campaign's archive, with the file and the row they come from: every sample that
/// is chosen later with the same inputs is answered from there, without a simulation; results at other inputs than any
/// candidate's are learned from as samples of their own, from the next choice on.
///
/// No row is dropped without a word: `ImportReport::refused` has one line for each that lacks a number, has one that is
/// not finite, lies outside the campaign's space (where its `campaign.json` has one), repeats the inputs of one before,
/// or has other numbers than a label that the campaign has at these inputs. The labels count as ones of the campaign's
/// `label_version`. \param file .csv, .npy or .safetensors, as `read_table` takes them. \param columns the column of an
/// input or a target that is not called like it. Errors: `DataError` for a file without one of the campaign's inputs or
/// targets; else as `retry_samples`.
ImportReport import_table(const std::filesystem::path& campaign, const std::filesystem::path& file,
                          const std::map<std::string, std::string>& columns = {});

/// Opens a table of at least some columns, all of them where it cannot tell which they are.
using TableOpener = std::function<Table(const std::vector<std::string>& columns)>;
/// The same from a table of any other kind. \param source what the labels are said to come from.
ImportReport import_table(const std::filesystem::path& campaign, const std::filesystem::path& source,
                          const TableOpener& open, const std::map<std::string, std::string>& columns = {});

/// The same from anything that gives columns by name, rows along the first axis: arrays in memory, a data base, a file
/// of another format. \param source what the labels are said to come from. \param read throws for a column that is not
/// there. Numbers that are missing are NaN there.
ImportReport import_columns(const std::filesystem::path& campaign, const std::filesystem::path& source,
                            const std::function<torch::Tensor(const std::string& column)>& read,
                            const std::map<std::string, std::string>& columns = {});

}  // namespace assay
