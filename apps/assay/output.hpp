// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

// What a command writes for its user is out when the command says so, or the command fails: a full disk behind standard
// output is an error as any other.

namespace assay::app {

/// Writes a file, or standard output if `out` is empty; whole when it returns. A device or a pipe is written to;
/// of a link, what it leads to.
/// Errors: `CheckpointError` `assay.file`; `DataError` `assay.output`.
void put(const std::filesystem::path& out, std::string_view text);

/// Writes out what standard output still holds. Errors: `DataError` `assay.output`, also for what was lost before.
void flush_output();

}  // namespace assay::app
