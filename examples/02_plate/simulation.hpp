// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_label.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace plate {

/// What a simulation gives: `rim_stress` [64] and `max_stress` (MPa), `opening` (mm).
inline const std::vector<std::string> outputs{"rim_stress", "max_stress", "opening"};

/// Has plates computed, `parallel` at once.
assay::AnyLabel simulations(std::int64_t parallel);

}  // namespace plate
