// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

#include <filesystem>
#include <string>

namespace assay::app {

/// Where a campaign stands, for a person: state, counts, metrics, failures by their reasons, and what to do next.
/// \param status as `campaign_status` gives it.
std::string status_text(const std::filesystem::path& campaign, const Json& status);

}  // namespace assay::app
