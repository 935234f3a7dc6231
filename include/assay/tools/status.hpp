// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

#include <filesystem>

namespace assay {

/// Where a campaign stands: `campaign`, `position`, `counts`, `metrics` (the last record), `seconds` by phase, `slots`,
/// the last `failures` (sample, round, attempts, reason, tail of the output), `failure_groups` (the reasons, each with
/// how many failed for it and one of their samples), `damaged_checkpoints`. May be asked while
/// another process runs the campaign. On shared storage whose writer is on another host, what that writer last said in
/// `status.json`.
/// Cost: reads the newest checkpoint, and up to 10,000 failures; independent of the number of other samples.
/// Errors: `CheckpointError` `assay.campaign.missing` for a directory without a campaign.
Json campaign_status(const std::filesystem::path& campaign);

}  // namespace assay
