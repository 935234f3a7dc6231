// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/state.hpp>

namespace assay::detail {

/// Where a learner was when it saved its state: a device of this program if it is there, else the CPU.
///
/// A learner that is resumed between trainings is asked before a training loop moves it; it has to answer from the
/// device on which the uninterrupted one does, or the two pick differently.
torch::Device saved_device(const State& state);

}  // namespace assay::detail
