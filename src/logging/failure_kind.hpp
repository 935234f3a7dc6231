// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace assay::detail {

/// The first line of why a simulation failed, without the numbers in paths that belong to no name (of sample, attempt,
/// process): equal for failures that are one and the same mistake.
std::string failure_kind(std::string_view reason);

}  // namespace assay::detail
