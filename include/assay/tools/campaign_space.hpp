// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/space.hpp>

#include <filesystem>
#include <optional>

namespace assay {

/// The space that a campaign's candidates were drawn from, with its linear constraints, as the `campaign.json` in its
/// directory has it; nothing where there is no such file, or no space in it.
/// Errors: `ConfigError` for a space that cannot be.
std::optional<Space> campaign_space(const std::filesystem::path& campaign);

}  // namespace assay
