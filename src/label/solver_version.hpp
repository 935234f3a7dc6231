// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace assay::detail {

/// What a program prints that says which version of the solver this is: the first 1,000 bytes of its standard output,
/// without blanks and line ends around them.
/// Errors: `LabelError` `assay.label.version` for a program that cannot be started, fails, prints nothing, or takes
/// over a minute.
std::string solver_version(const std::vector<std::string>& command);

}  // namespace assay::detail
