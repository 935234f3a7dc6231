// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

// Which file of a campaign is its ledger. On shared storage, who takes over from a writer that may live leaves it its
// file and goes on with a copy of a higher number.

namespace assay::detail {

/// `ledger.sqlite` for 0, else `ledger.N.sqlite`.
std::filesystem::path numbered_ledger(const std::filesystem::path& campaign, std::int64_t number);
/// The highest number there is a file for; 0 if there is none.
std::int64_t highest_ledger(const std::filesystem::path& campaign);
/// The ledger that counts: that of the newest holder of a lease, else the one of the highest number. It may not exist.
std::filesystem::path current_ledger(const std::filesystem::path& campaign);
/// Removes those below `current`, but for `kept`, and what is left of copies that were not finished. What a writer that
/// was taken over from may still write to them is nowhere reported as done.
void remove_earlier_ledgers(const std::filesystem::path& campaign, std::int64_t current, std::int64_t kept);

}  // namespace assay::detail
