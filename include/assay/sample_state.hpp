// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace assay {

/// Where a sample stands in the ledger. Only a person sets `abandoned`: nobody waits for such a sample any more.
enum class SampleState { queued, running, done, failed, abandoned, infeasible };

std::string_view to_string(SampleState state);
/// Errors: `CheckpointError` for an unknown name.
SampleState sample_state_from_string(std::string_view text);

}  // namespace assay
