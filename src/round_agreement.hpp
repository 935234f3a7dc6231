// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>
#include <assay/ledger.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace assay::detail {

/// How the files under `labels/` stand to an intact ledger.
struct RoundAgreement {
  /// Rounds whose files are missing, damaged, or not what the ledger remembers to have written: the ledger holds it
  /// all.
  std::set<std::int64_t> to_write;
  /// The same in words, a line each.
  std::vector<std::string> stale;
  /// What intact files hold and the ledger does not, a line each: it is an older one, or of another campaign.
  std::vector<std::string> more;
};

/// Cost: reads every file once to compare its digest with the one in the ledger; where one differs, everything.
RoundAgreement compare_round_files(const std::filesystem::path& campaign, const Ledger& ledger);

/// Whether a label that one of these attempts gave was taken back.
bool was_withdrawn(std::span<const LedgerAttempt> attempts);

/// What a checkpoint knows of and the ledger does not, in words; nothing if the ledger holds it all.
std::optional<std::string> unknown_to_ledger(const Json& checkpoint, const Ledger& ledger);

/// Writes the files of these rounds from the ledger.
void write_round_files(const std::filesystem::path& campaign, Ledger& ledger, const std::set<std::int64_t>& rounds);

}  // namespace assay::detail
