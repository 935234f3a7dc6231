// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

#include <string>
#include <string_view>

namespace assay::detail {

/// A text with every byte that is not part of valid UTF-8 replaced by U+FFFD, so that JSON and terminals take it.
std::string valid_utf8(std::string_view text);

/// JSON as text, for people and files, with bytes that are not UTF-8 replaced likewise.
/// \param indent spaces a level; on one line if it is negative.
std::string json_text(const Json& json, int indent = -1);

}  // namespace assay::detail
