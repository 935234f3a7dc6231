// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/error.hpp>

#include <filesystem>

namespace assay::detail {

/// Ends a process whose campaign stands no longer where it opened it: what it wrote there would be another campaign's,
/// or one that nobody has.
[[noreturn]] inline void fail_as_moved(const std::filesystem::path& dir) {
  throw CheckpointError({"assay.campaign.moved", dir.string(), "the directory that this process opened",
                         "another one, or none",
                         "it was renamed or deleted: go on with the campaign where it is now; simulations that were "
                         "running are found there"});
}

}  // namespace assay::detail
