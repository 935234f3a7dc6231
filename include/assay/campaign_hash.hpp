// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace assay {

/// A SHA-256 digest of what a campaign came to: the learner's state (names, dtypes, shapes, bytes), the ids picked in
/// order, the labels in the order they were folded in, and the metrics. No times, hosts, paths or versions enter it:
/// two campaigns that did the same have the same digest, resumed or not.
/// Errors: `CheckpointError` for a directory without a campaign, or without a checkpoint.
std::string campaign_hash(const std::filesystem::path& directory);

}  // namespace assay
