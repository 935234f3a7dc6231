// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <cstdint>
#include <string_view>

namespace assay {

/// Identifies one sample in one campaign, over all its pools. The driver numbers the pools it is given in the
/// order labeled, validation, test, unlabeled, each by row.
using SampleId = std::int64_t;

/// One point: its id and its named tensors.
struct Sample {
  SampleId id = -1;
  Values values;
};

/// What a sample is simulated for.
enum class Purpose { initial, validation, test, training };

std::string_view to_string(Purpose purpose);
Purpose purpose_from_string(std::string_view text);

}  // namespace assay
