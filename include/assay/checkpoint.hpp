// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>
#include <assay/json.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
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
  /// A folder with a higher number is none of assay's: counting on from it would end in nothing.
  static constexpr std::int64_t last_number = 1'000'000'000'000;

  std::int64_t number = 0;  ///< grows by one with every checkpoint of a campaign
  Json json = Json::object();
  Values tensors;
};

/// A checkpoint as bytes: a copy that later changes of the tensors do not reach.
struct EncodedCheckpoint {
  std::int64_t number = 0;
  std::map<std::string, std::string> members;  ///< of the JSON object: the text of each value, as `dump` gives it
  std::string tensors;
};

/// \param texts members whose text is there already, beside those of `checkpoint.json`: what grows with the campaign
///   need not be made anew for every checkpoint.
EncodedCheckpoint encode(const Checkpoint& checkpoint, std::map<std::string, std::string> texts = {});

/// Where a checkpoint stands, and the digest of its tensors.
struct WrittenCheckpoint {
  std::filesystem::path folder;
  std::string tensors_digest;
};

/// Writes a checkpoint as `DIR/checkpoints/NNNNNNNN/`, durably, and removes the oldest beyond `keep`.
/// \param previous an earlier one: tensors equal to its own are linked, not written again.
/// Cost: the bytes written, four syncs. Errors: `CheckpointError`.
WrittenCheckpoint write_checkpoint(const std::filesystem::path& campaign, const EncodedCheckpoint& checkpoint,
                                   std::int64_t keep, const WrittenCheckpoint& previous = {});

/// The newest checkpoint whose checksums hold; nothing if there is none.
/// \param damaged receives one line for every newer one that was passed over, naming its fault.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& campaign, std::vector<std::string>& damaged);

/// The folders of all checkpoints, intact or not, newest first.
std::vector<std::filesystem::path> checkpoint_folders(const std::filesystem::path& campaign);
/// The highest number of any checkpoint, intact or not; 0 if there is none.
std::int64_t last_checkpoint_number(const std::filesystem::path& campaign);

/// Reads one checkpoint folder. Errors: `CheckpointError` for anything missing, torn, altered or of a newer format.
Checkpoint read_checkpoint(const std::filesystem::path& folder);
/// The same, of the two files' contents. \param where names the source in messages.
Checkpoint decode_checkpoint(std::string_view json, std::string_view tensors, std::string_view where);

}  // namespace assay
