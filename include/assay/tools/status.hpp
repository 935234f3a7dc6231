// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

#include <filesystem>

namespace assay {

/// Where a campaign stands: `campaign`, `position`, `counts`, `metrics` (the last record), `seconds` by phase, `slots`,
/// the last `failures` (sample, round, attempts, reason, tail of the output), `damaged_checkpoints`. May be asked while
/// another process runs the campaign. On shared storage whose writer is on another host, what that writer last said in
/// `status.json`.
/// Cost: reads the newest checkpoint; independent of the number of samples.
/// Errors: `CheckpointError` `assay.campaign.missing` for a directory without a campaign.
Json campaign_status(const std::filesystem::path& campaign);

}  // namespace assay
