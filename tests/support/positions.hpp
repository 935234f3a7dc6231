// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

/// Of candidates, as a selection names them.
using Positions = std::vector<std::int64_t>;
