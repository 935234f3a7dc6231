// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rows.hpp"

#include <span>
#include <string_view>

namespace assay::store {

/// Of a tensor column as it stands in the database: inline bytes, or the name of an object.
Digest digest_of(std::string_view bytes);

/// Of a row: of its table, its key and all it says, and of the campaign it belongs to, so that a row of another
/// campaign, another place or another time is not taken for it.
Digest digest_of(std::string_view campaign, const SampleRow& row);
Digest digest_of(std::string_view campaign, const AttemptRow& row);
Digest digest_of(std::string_view campaign, const RoundRow& row);
Digest digest_of(std::string_view campaign, const ArchiveRow& row);
Digest digest_of(std::string_view campaign, const SessionRow& row);
/// A recorded time.
Digest digest_of_clock(std::string_view campaign, std::int64_t round, double seconds);
/// Of the campaign's own row.
Digest digest_of(const CampaignRow& row);

/// Sums modulo 2^128: the sum over all rows does not depend on their order, and changes with any of them.
Digest plus(const Digest& a, const Digest& b);
Digest minus(const Digest& a, const Digest& b);

/// As a BLOB holds it. Errors: `CheckpointError` for one of another size.
std::string_view as_bytes(const Digest& digest);
Digest digest_from(std::span<const std::byte> bytes, std::string_view where);

}  // namespace assay::store
