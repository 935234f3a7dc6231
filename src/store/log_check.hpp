// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace assay::store {

/// The text that stands with every change, where one that looks at the bare bytes finds it. \param sequence number of
/// changes so far. \param synced how many of them were on the disk before this one was written.
std::string mark_of(std::int64_t sequence, std::int64_t synced);

/// What is wrong with the write-ahead log beside a database; nothing if there is none, or it is as SQLite left it.
///
/// SQLite reads a log up to the first frame whose checksum does not match, as after a power cut, and takes what comes
/// behind it for never written: damage there takes committed changes with it. A power cut may leave a bad frame before
/// good ones too, of changes that nobody was told to be durable. Damage is told from it where turning one single bit
/// makes the frame right, or where a change behind it says that more was on the disk before it than SQLite would read.
/// Cost: reads the log once; a log without a bad frame costs nothing more.
/// Source: the format as documented in "Database File Format", section 4, https://www.sqlite.org/fileformat2.html.
std::optional<std::string> log_damage(const std::filesystem::path& database);

/// Errors: `CheckpointError` `assay.ledger.log` for a log with such damage.
void require_whole_log(const std::filesystem::path& database);

/// Turns the one bit back, where that is all there is to mend. \return whether it was.
bool repair_log(const std::filesystem::path& database);

}  // namespace assay::store
