// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace assay::detail {

/// Handle of a sample that somebody asked for who tells in his own time.
inline constexpr std::string_view asked_handle = "asked";

}  // namespace assay::detail
