// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace assay::store {

/// What is wrong with the write-ahead log beside a database; nothing if there is none, or it is as SQLite left it.
///
/// SQLite reads a log up to the first frame whose checksum does not match, as after a power cut, and takes what comes
/// behind it for never written: one flipped bit there takes committed changes with it. Such damage is told from an
/// interrupted write where frames behind the bad one continue it, or where turning one single bit makes it right.
/// Cost: reads the log once; a log without a bad frame costs nothing more.
/// Source: the format as documented in "Database File Format", section 4, https://www.sqlite.org/fileformat2.html.
std::optional<std::string> log_damage(const std::filesystem::path& database);

/// Errors: `CheckpointError` `assay.ledger.log` for a log with such damage.
void require_whole_log(const std::filesystem::path& database);

/// Turns the one bit back, where that is all there is to mend. \return whether it was.
bool repair_log(const std::filesystem::path& database);

}  // namespace assay::store
