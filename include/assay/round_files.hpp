// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/ledger.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay {

// What the ledger holds of a round also stands in two files under `labels/`, each written once, durably, with a
// checksum inside, and readable by any safetensors library:
//   picks_NNNNNN.safetensors   what the round chose, before anything is simulated
//   round_NNNNNN.safetensors   what was folded in at its end: labels, attempts, failures
// A damaged ledger is rebuilt from them. Labels over 64 KiB are named by their digest and stand in `labels/objects/`.

enum class RoundKind { picks, labels };

std::filesystem::path round_file(const std::filesystem::path& campaign, RoundKind kind, std::int64_t round);
/// The rounds of which there is a file of this kind, in order. Errors: `CheckpointError` where `labels` is a link.
std::vector<std::int64_t> rounds_on_disk(const std::filesystem::path& campaign, RoundKind kind);

/// Writes what `round` chose, from the ledger, which must hold it. \return the file's SHA-256.
/// Errors: `CheckpointError`.
std::string write_picks_file(const std::filesystem::path& campaign, const Ledger& ledger, std::int64_t round);
/// Writes the samples that the ledger calls folded in in `round`, those that are about to be (`added`, in their order),
/// and those of the round that failed. \return the file's SHA-256.
std::string write_labels_file(const std::filesystem::path& campaign, const Ledger& ledger, std::int64_t round,
                              const std::vector<SampleId>& added = {});

/// Everything that the files under `labels/` say of a campaign.
struct RecordedRounds {
  struct Round {
    std::int64_t round = 0;
    State strategy_state;
    std::vector<SampleRecord> samples;
  };
  std::string campaign_id;
  std::optional<std::int64_t> behavior;  ///< of the rules by which the campaign chooses
  std::vector<Round> rounds;
  /// Labels of samples that no file of picks names: they answer a sample of the same content. Without inputs.
  std::vector<ArchivedLabel> unclaimed;
  std::vector<std::string> problems;  ///< files that are damaged, missing or of another campaign, one line each
};

/// Reads and checks all of them. Errors: none; what is wrong stands in `problems`.
RecordedRounds read_round_files(const std::filesystem::path& campaign);

/// True if there is at least one such file.
bool has_round_files(const std::filesystem::path& campaign);

/// The folder of large tensors of a campaign.
inline std::filesystem::path objects_folder(const std::filesystem::path& campaign) {
  return campaign / "labels" / "objects";
}

}  // namespace assay
