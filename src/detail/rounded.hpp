// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay::detail {

/// Numbers that differ by less, in parts of the larger, are one that was rounded.
inline constexpr double rounding = 1e-5;

}  // namespace assay::detail
