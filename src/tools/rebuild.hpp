// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay::tools {

/// What a ledger was put together from.
struct Rebuilt {
  std::int64_t rounds = 0;
  std::int64_t labels = 0;
  std::int64_t from_ledger = 0;   ///< labels that no file under labels/ held
  std::vector<std::string> lost;  ///< what is in none of the sources, a line each
};

/// Writes a new ledger to `draft`, from the files under labels/, the checkpoints, and every row of the one that is
/// there whose digest still matches. Errors: `CheckpointError` `assay.repair.nothing` if there is nothing to rebuild
/// from.
Rebuilt rebuild_ledger(const std::filesystem::path& campaign, const std::filesystem::path& draft);

}  // namespace assay::tools
