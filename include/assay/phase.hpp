// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace assay {

/// The parts of a round, in their order.
enum class Phase { training, metrology, query, labeling, data_integration };

std::string_view to_string(Phase phase);
/// Errors: `CheckpointError` for an unknown name.
Phase phase_from_string(std::string_view text);

}  // namespace assay
