// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay::app {

/// The name of the column that tells attempts apart, unless a field of the samples is called so.
inline constexpr const char* attempt_column = "attempt";

}  // namespace assay::app
