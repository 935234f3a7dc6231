// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// Numbers in what programs print for people.

namespace assay::detail {

/// The n-th number of a text, from 1. One begins where no letter, digit, point or underscore stands before it, with a
/// sign or without, and may have Fortran's exponents; "nan" and "inf" as words are numbers too: they are told, and not
/// passed over.
std::optional<double> nth_number(std::string_view text, std::int64_t n);

/// Of the last line of a text in which some words stand, what stands behind them. Blanks in the words stand for any
/// number of blanks, or none at the line's beginning.
std::optional<std::string_view> behind_last(std::string_view text, std::string_view words);

/// Of the last line of a text that begins with `name =` or `name :`, what stands behind it.
std::optional<std::string_view> behind_key(std::string_view text, std::string_view name);

}  // namespace assay::detail
