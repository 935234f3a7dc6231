// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>
#include <assay/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay {

/// The position of a campaign and the state of everything in it, as two files: `checkpoint.json`, and
/// `state.safetensors` with the tensors (named `learner/...`, `loop/...`, `query/...`).
///
/// Neither file can carry code. The JSON holds the checksum of the other file and is written last.
struct Checkpoint {
  static constexpr std::int64_t format = 1;

  std::int64_t number = 0;  ///< grows by one with every checkpoint of a campaign
  Json json = Json::object();
  Values tensors;
};

/// Writes `checkpoint` as `DIR/checkpoints/NNNNNNNN/`, durably, and removes the oldest beyond `keep`. A tensor file
/// equal to the one before is linked, not written again.
/// Cost: the bytes written, four syncs. Errors: `CheckpointError`.
void write_checkpoint(const std::filesystem::path& campaign, const Checkpoint& checkpoint, std::int64_t keep);

/// The newest checkpoint whose checksums hold; nothing if there is none.
/// \param damaged receives one line for every newer one that was passed over, naming its fault.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& campaign, std::vector<std::string>& damaged);

/// The highest number of any checkpoint, intact or not; 0 if there is none.
std::int64_t last_checkpoint_number(const std::filesystem::path& campaign);

/// Reads one checkpoint folder. Errors: `CheckpointError` for anything missing, torn, altered or of a newer format.
Checkpoint read_checkpoint(const std::filesystem::path& folder);

}  // namespace assay
