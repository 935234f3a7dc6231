// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace assay::detail {

/// A text with every byte that is not part of valid UTF-8 replaced by U+FFFD, so that JSON and terminals take it.
std::string valid_utf8(std::string_view text);

}  // namespace assay::detail
