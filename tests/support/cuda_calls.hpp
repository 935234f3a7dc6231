// SPDX-License-Identifier: Apache-2.0
// How often this program waited for a CUDA device.
#pragma once

#include <cstdint>

namespace cuda_calls {

/// Calls so far of the runtime's functions that return once the device is done: LibTorch's, for it loads the same
/// runtime.
std::int64_t waits();

}  // namespace cuda_calls
