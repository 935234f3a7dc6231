// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/ledger.hpp>
#include <assay/round_files.hpp>

#include <filesystem>

/// The ledger of a campaign, only to look at.
inline assay::Ledger look(const std::filesystem::path& campaign) {
  return assay::Ledger::open_read_only(campaign / "ledger.sqlite", assay::objects_folder(campaign));
}
