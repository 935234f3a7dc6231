// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace assay::app {

/// Prints where a campaign stands; works while another process runs it.
void show(const std::filesystem::path& campaign, bool json);
/// Prints every registered key with its options.
void strategies(bool json);

}  // namespace assay::app
