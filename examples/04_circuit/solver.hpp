// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "design.hpp"

#include <assay/data/values.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace circuit {

/// What a simulation gives: `gain` [31] (dB, from 10 Hz to 10 MHz), `peak` (dB, the largest gain) and `cutoff` (Hz,
/// where the gain has fallen by 3 dB for the first time).
inline const std::vector<std::string> outputs{"gain", "peak", "cutoff"};

/// Writes `filter.cir` for ngspice: the small-signal response in `response.txt`. The amplifier is one pole, a finite
/// gain and an output resistance: at high frequencies it no longer holds its output, and the signal goes past it
/// through `c1`.
void write_netlist(const std::filesystem::path& directory, const Design& design);

/// Reads `response.txt`. Errors: `std::runtime_error` for a file that is not whole, and for a gain that never falls by
/// 3 dB.
assay::Values read_response(const std::filesystem::path& directory);

}  // namespace circuit
