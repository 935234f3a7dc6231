// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay {

/// What a look at all files of a campaign found.
struct CheckReport {
  std::vector<std::string> problems;  ///< damage: labels, picks or checkpoints that are not what they were
  std::vector<std::string> notes;     ///< nothing lost: files nobody refers to, older formats
  std::vector<std::string> repairs;   ///< what `repair_campaign` did
  std::int64_t labels = 0;            ///< in the ledger that is there now
};

/// Checks the ledger's integrity, every checksum, and ledger, label files and checkpoints against each other. Changes
/// nothing. Cost: reads everything once.
/// Errors: `CheckpointError` `assay.campaign.missing` for a directory without a campaign.
CheckReport check_campaign(const std::filesystem::path& campaign);

/// As `check_campaign`, and mends what can be mended: a damaged or missing ledger is set aside and rebuilt from the
/// files under `labels/`, the newest checkpoint, and whatever the damaged one still gives; missing or damaged label
/// files are written again from an intact ledger. No integrated label is lost by damage to one of the two. Errors:
/// `CheckpointError` `assay.campaign.locked` while somebody runs the campaign.
CheckReport repair_campaign(const std::filesystem::path& campaign);

}  // namespace assay
