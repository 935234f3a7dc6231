// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// What a cell without such a number holds, in words, with what to do where that is known.
std::string what_is(std::string_view cell);

}  // namespace assay::data
