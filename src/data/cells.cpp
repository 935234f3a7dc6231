// SPDX-License-Identifier: Apache-2.0
#include "cells.hpp"

#include <assay/data/csv.hpp>
#include <assay/detail/utf8.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace assay {

namespace {

/// A number as other programs write it, as `from_chars` reads it: without a plus, with E in place of Fortran's D.
std::string plain_number(std::string_view cell) {
  if (cell.starts_with('+') && !cell.substr(1).starts_with('-')) cell.remove_prefix(1);
  std::string text(cell);
  const std::size_t exponent = text.find_first_of("dD");
  const bool behind_digits = exponent != std::string::npos && exponent > 0 &&
                             (text[exponent - 1] == '.' || (text[exponent - 1] >= '0' && text[exponent - 1] <= '9'));
  if (behind_digits) text[exponent] = 'e';
  return text;
}

/// Whether float64 holds the whole number that a cell writes in digits: beyond 2^53 it holds few of them.
bool is_exact(std::string_view cell, double number) {
  constexpr double all_below = 0x1p53;
  std::string text = plain_number(data::trimmed(cell));
  if (std::abs(number) < all_below || text.find_first_not_of("-0123456789") != std::string::npos) return true;
  std::array<char, 400> exact{};
  std::snprintf(exact.data(), exact.size(), "%.0f", std::abs(number));
  const std::size_t first = std::min(text.find_first_not_of("-0"), text.size());
  return text.substr(first) == exact.data();
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

}  // namespace

std::optional<double> csv_number(std::string_view cell) {
  const std::string text = plain_number(data::trimmed(cell));
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool marks_missing(std::string_view cell) {
  constexpr std::array<std::string_view, 12> markers{"",    "na", "n/a", "#n/a", "null", "none",
                                                     "nil", "-",  "--",  "?",    ".",    "missing"};
  std::string lower(data::trimmed(cell));
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(markers.begin(), markers.end(), lower) != markers.end();
}

namespace data {

std::string_view trimmed(std::string_view text) {
  constexpr std::array<std::string_view, 3> blanks{" ", "\t", "\xC2\xA0"};
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view blank : blanks) {
      if (text.starts_with(blank)) text.remove_prefix(blank.size()), more = true;
      if (text.ends_with(blank)) text.remove_suffix(blank.size()), more = true;
    }
  }
  return text;
}

bool is_spreadsheet_error(std::string_view cell) {
  constexpr std::array<std::string_view, 8> errors{"#N/A",   "#DIV/0!", "#VALUE!", "#REF!",
                                                   "#NAME?", "#NUM!",   "#NULL!",  "#SPILL!"};
  return std::find(errors.begin(), errors.end(), trimmed(cell)) != errors.end();
}

std::optional<double> exact_number(std::string_view cell) {
  const std::optional<double> number = csv_number(cell);
  if (!number || !std::isfinite(*number) || !is_exact(cell, *number)) return std::nullopt;
  return number;
}

std::string what_is(std::string_view cell) {
  constexpr std::size_t longest = 60;
  const std::string text(trimmed(cell));
  if (text.empty()) return "nothing";
  const std::string quoted = "'" + detail::valid_utf8(text.substr(0, longest)) + (text.size() > longest ? "…'" : "'");
  if (const std::optional<double> number = csv_number(text))
    return quoted + (std::isfinite(*number) ? ", a whole number that float64 does not hold (all up to 2^53 it does)"
                                            : ", which is not finite");
  if (is_spreadsheet_error(text)) return quoted + ", an error of the spreadsheet";
  if (marks_missing(text)) return quoted + ", which marks a missing value";
  if (const std::string none = replaced(text, ",", ""); none != text && csv_number(none))
    return quoted + ", with a comma: write a point before decimals, and nothing between thousands";
  if (const std::string minus = replaced(text, "\xE2\x88\x92", "-"); minus != text && csv_number(minus))
    return quoted + ", with a minus sign of typography: write " + minus;
  if (text.find_first_not_of('*') == std::string::npos)
    return quoted + ", which Fortran writes where a field is too narrow for its number";
  if (text.find_first_not_of("0123456789+-.eEdD") == std::string::npos && text.find_first_of("eEdD") != text.npos &&
      text.find_first_of("0123456789") != text.npos)
    return quoted + ", which is no number that float64 holds";
  return quoted;
}

}  // namespace data

}  // namespace assay
