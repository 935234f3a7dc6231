// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// What the texts in the cells of tables mean, by one set of rules.

namespace assay::data {

/// Without the blanks around it, also those of word processors.
std::string_view trimmed(std::string_view text);

/// Whether a spreadsheet wrote a cell in place of a value that it could not compute: "#DIV/0!".
bool is_spreadsheet_error(std::string_view cell);

/// The finite number that a cell holds; nothing where there is none, or where float64 does not hold the whole number
/// that stands there in digits.
std::optional<double> exact_number(std::string_view cell);

/// The shortest text that reads back as the same number.
template <class Number>
std::string shortest(Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), end.ptr};
}

/// What the column of one of several numbers is called.
inline std::string indexed(std::string_view name, std::size_t i) {
  return std::string(name) + "[" + std::to_string(i) + "]";
}

/// What a cell without such a number holds, in words, with what to do where that is known.
std::string what_is(std::string_view cell);

}  // namespace assay::data
