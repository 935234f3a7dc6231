// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// What a query strategy picked, best first.
struct Selection {
  /// Positions in the unlabeled view it was given; one that is there twice is taken once.
  std::vector<std::int64_t> positions;
  /// A score for each position, higher is more wanted; empty if the strategy has none.
  std::vector<double> scores;
  /// The key of the strategy that picked each position; empty means the one in the slot.
  std::vector<std::string> strategies;
};

}  // namespace assay
