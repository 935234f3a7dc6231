// SPDX-License-Identifier: Apache-2.0
#include "output_text.hpp"

#include <assay/data/csv.hpp>

#include <algorithm>
#include <cctype>

namespace assay::detail {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }

std::size_t digits_from(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// Length of the number at the beginning of a text; 0 where there is none.
std::size_t number_length(std::string_view text) {
  const std::size_t first = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  for (const std::string_view word : {"infinity", "inf", "nan"}) {
    const std::string_view there = text.substr(first, word.size());
    const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
    const std::size_t end = first + word.size();
    if (std::equal(there.begin(), there.end(), word.begin(), word.end(), same) &&
        (end >= text.size() || !is_word(text[end])))
      return end;
  }
  const std::size_t point = digits_from(text, first);
  std::size_t end = point;
  if (end < text.size() && text[end] == '.') end = digits_from(text, end + 1);
  if (end - first == 0 || (end - first == 1 && text[first] == '.')) return 0;
  if (end < text.size() && std::string_view("eEdD").find(text[end]) != std::string_view::npos) {
    const bool sign = end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '-');
    const std::size_t digits = end + 1 + (sign ? 1 : 0), last = digits_from(text, digits);
    if (last > digits) end = last;
  }
  return end;
}

/// Where `words` end in a line, beginning at `at`; nothing where they do not stand there.
std::optional<std::size_t> end_of(std::string_view line, std::size_t at, std::string_view words) {
  for (std::size_t i = 0; i < words.size();) {
    if (is_blank(words[i])) {
      const bool any = at == 0 || (at < line.size() && is_blank(line[at]));
      if (!any) return std::nullopt;
      while (i < words.size() && is_blank(words[i])) ++i;
      while (at < line.size() && is_blank(line[at])) ++at;
    } else {
      if (at >= line.size() || line[at] != words[i]) return std::nullopt;
      ++at, ++i;
    }
  }
  return at;
}

/// Calls `use` with each line, from the last on, until it gives something.
template <class Use>
std::optional<std::string_view> from_the_last(std::string_view text, const Use& use) {
  while (true) {
    const std::size_t end = text.rfind('\n');
    const std::string_view line = end == std::string_view::npos ? text : text.substr(end + 1);
    if (const std::optional<std::string_view> found = use(line)) return found;
    if (end == std::string_view::npos) return std::nullopt;
    text = text.substr(0, end);
  }
}

}  // namespace

std::optional<double> nth_number(std::string_view text, std::int64_t n) {
  for (std::size_t at = 0; at < text.size();) {
    if (at > 0 && is_word(text[at - 1])) {
      ++at;
      continue;
    }
    const std::size_t length = number_length(text.substr(at));
    if (length == 0) {
      ++at;
      continue;
    }
    if (--n == 0) return csv_number(text.substr(at, length));
    at += length;
  }
  return std::nullopt;
}

std::optional<std::string_view> behind_last(std::string_view text, std::string_view words) {
  return from_the_last(text, [&](std::string_view line) -> std::optional<std::string_view> {
    for (std::size_t at = 0; at < line.size(); ++at) {
      if (const std::optional<std::size_t> end = end_of(line, at, words)) return line.substr(*end);
    }
    return std::nullopt;
  });
}

std::optional<std::string_view> behind_key(std::string_view text, std::string_view name) {
  return from_the_last(text, [&](std::string_view line) -> std::optional<std::string_view> {
    const std::size_t first = std::min(line.find_first_not_of(" \t"), line.size());
    std::optional<std::size_t> end = end_of(line, first, name);
    if (!end) return std::nullopt;
    while (*end < line.size() && is_blank(line[*end])) ++*end;
    if (*end >= line.size() || (line[*end] != '=' && line[*end] != ':')) return std::nullopt;
    return line.substr(*end + 1);
  });
}

}  // namespace assay::detail
