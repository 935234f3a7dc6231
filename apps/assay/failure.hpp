// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>

namespace assay::app {

/// What is printed of a command line that cannot be understood.
std::string usage_text(const std::string& problem);

/// Prints on standard error what went wrong: a line, or one for each of several problems.
void tell_failure(const std::exception_ptr& failure);

}  // namespace assay::app
