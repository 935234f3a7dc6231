// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/config_reader.hpp>
#include <assay/options.hpp>
#include <assay/state.hpp>

#include <torch/serialize/archive.h>

#include <string>
#include <vector>

namespace assay::detail {

/// What something of Torch's wrote into an archive: numbers and lists of numbers as JSON, tensors as tensors. The
/// archive passes through memory only; nothing that came from a file is ever unpickled.
State from_archive(torch::serialize::OutputArchive& archive);

/// An archive that holds `state`, for something of Torch's to read.
torch::serialize::InputArchive to_archive(const State& state);

/// The state that `object.serialize` writes.
template <class T>
State archived(const T& object) {
  torch::serialize::OutputArchive archive;
  object.serialize(archive);
  return from_archive(archive);
}

/// Makes `object` what `archived` gave.
template <class T>
void unarchive(T& object, const State& state) {
  torch::serialize::InputArchive archive = to_archive(state);
  object.serialize(archive);
}

/// Options of Torch's, as the table that the registry shows.
std::vector<OptionRow> archived_option_rows(const Json& defaults);

/// `defaults` with what a configuration says in their place; reports unknown keys and values of another type.
Json archived_options(const ConfigReader& reader, const Json& defaults);

}  // namespace assay::detail
