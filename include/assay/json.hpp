// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace assay {

using Json = nlohmann::json;

/// Reads JSON that may come from anywhere. \param where names the source in messages.
/// Errors: `ConfigError` for a syntax error (with its place), a key that stands twice in an object, or more than 64
/// levels of nesting.
Json parse_json(std::string_view text, std::string_view where);

/// A number as JSON; NaN and the infinities, which JSON lacks, become the texts "nan", "inf" and "-inf".
Json json_number(double number);
/// The inverse. Errors: `ConfigError` for anything else.
double number_from_json(const Json& json);

}  // namespace assay
