// SPDX-License-Identifier: Apache-2.0
#include <assay/duration.hpp>

#include <array>
#include <charconv>
#include <cmath>

namespace assay {

namespace {

/// The number that `text` begins with, which is taken off; nothing if it begins with none.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0 || text.front() == '-') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// "[D-]H:M[:S]", as Slurm prints and reads times.
std::optional<double> clock_seconds(std::string_view text) {
  double seconds = 0;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const std::optional<double> days = take_number(text);
    if (!days || !text.starts_with('-')) return std::nullopt;
    text.remove_prefix(1);
    seconds = *days * 86400;
  }
  double unit = 3600;
  for (int i = 0; i < 3; ++i, unit /= 60) {
    const std::optional<double> number = take_number(text);
    if (!number || (i > 0 && *number >= 60)) return std::nullopt;
    seconds += *number * unit;
    if (text.empty()) return i > 0 ? std::optional(seconds) : std::nullopt;
    if (!text.starts_with(':')) return std::nullopt;
    text.remove_prefix(1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::duration<double>> parse_duration(std::string_view text) {
  using Seconds = std::chrono::duration<double>;
  if (text.find(':') != std::string_view::npos) {
    const std::optional<double> seconds = clock_seconds(text);
    return seconds ? std::optional(Seconds(*seconds)) : std::nullopt;
  }
  constexpr std::array<std::pair<char, double>, 4> units{{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};
  double seconds = 0;
  std::size_t next = 0;  // units stand from large to small, each once
  if (text.empty()) return std::nullopt;
  for (bool first = true; !text.empty(); first = false) {
    const std::optional<double> number = take_number(text);
    if (!number) return std::nullopt;
    if (text.empty()) return first ? std::optional(Seconds(*number)) : std::nullopt;
    while (next < units.size() && units[next].first != text.front()) ++next;
    if (next == units.size()) return std::nullopt;
    seconds += *number * units[next++].second;
    text.remove_prefix(1);
  }
  return Seconds(seconds);
}

}  // namespace assay
