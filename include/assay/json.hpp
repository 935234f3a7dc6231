// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace assay {

using Json = nlohmann::json;

/// Longest text that `parse_json` takes unless told otherwise: parsed, it may take 25 times as much memory.
constexpr std::size_t longest_json = std::size_t{32} << 20;

/// Reads JSON that may come from anywhere. \param where names the source in messages.
/// Errors: `ConfigError` for a syntax error (with its place), a key that stands twice in an object, more than 64
/// levels of nesting, or a text of more than `longest` bytes.
Json parse_json(std::string_view text, std::string_view where, std::size_t longest = longest_json);

/// A number as JSON; NaN and the infinities, which JSON lacks, become the texts "nan", "inf" and "-inf".
Json json_number(double number);
/// The inverse. Errors: `ConfigError` for anything else.
double number_from_json(const Json& json);

namespace detail {
[[noreturn]] void throw_no_integer(const Json& json, std::size_t bits);
}  // namespace detail

/// A whole number from JSON that may come from anywhere. Errors: `ConfigError` unless it is one that `T` holds.
template <std::integral T>
T integer_from_json(const Json& json) {
  if (json.is_number_unsigned() && std::in_range<T>(json.get<std::uint64_t>())) return json.get<T>();
  if (json.is_number_integer() && !json.is_number_unsigned() && std::in_range<T>(json.get<std::int64_t>())) {
    return json.get<T>();
  }
  detail::throw_no_integer(json, 8 * sizeof(T));
}

}  // namespace assay
