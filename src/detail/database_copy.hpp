// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace assay::detail {

/// Copies a SQLite database with the journal or log that belongs to it, all as they were at one moment, although
/// another process, on another host even, may write to them meanwhile or have died while it did. They are neither
/// changed nor locked: whatever has to be rolled back is rolled back in the copy, by who opens it.
///
/// Database and journal are read twice, in turn, until both gave the same bytes both times: there was a moment then at
/// which they stood as they were copied. \param around_cache asks the server of the files each time (`O_DIRECT`).
/// Cost: two readings, more while it is written to.
/// Errors: `CheckpointError` `assay.file`; `assay.ledger.busy` if it does not stand still.
void copy_database(const std::filesystem::path& file, const std::filesystem::path& target, bool around_cache);

}  // namespace assay::detail
