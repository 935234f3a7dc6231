// SPDX-License-Identifier: Apache-2.0
#include "output_place.hpp"

#include <assay/json.hpp>

#include <charconv>

namespace assay::detail {

namespace {

constexpr std::string_view by_key = "key=", by_text = "after=";

/// Takes the whole number behind the last '@' off a text; nothing where there is none.
std::optional<std::int64_t> take_number(std::string_view& text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data() + at + 1, text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  text = text.substr(0, at);
  return number;
}

}  // namespace

std::optional<OutputPlace> output_place(std::string_view text, std::string& problem) {
  const std::size_t hash = text.find('#');
  OutputPlace place{.file = std::string(text.substr(0, hash)), .what = OutputPlace::Array{}};
  const auto refuse = [&](std::string why) {
    problem = std::move(why);
    return std::nullopt;
  };
  if (place.file.empty()) return refuse("no file");
  if (hash == std::string_view::npos) {
    if (place.file.ends_with(".csv") || place.file.ends_with(".json")) return refuse("no place within the file");
    return place;
  }
  std::string_view rest = text.substr(hash + 1);
  if (rest.starts_with(by_key)) {
    rest.remove_prefix(by_key.size());
    if (rest.empty()) return refuse("no name");
    place.what = OutputPlace::Key{std::string(rest)};
  } else if (rest.starts_with(by_text)) {
    rest.remove_prefix(by_text.size());
    const std::int64_t number = take_number(rest).value_or(1);
    if (rest.empty() || number < 1) return refuse(rest.empty() ? "no text" : "number " + std::to_string(number));
    place.what = OutputPlace::After{std::string(rest), number};
  } else if (rest.empty() || rest.starts_with('/')) {
    try {
      place.what = OutputPlace::Pointer{Json::json_pointer(std::string(rest)).to_string()};
    } catch (const Json::exception& error) {
      return refuse(error.what());
    }
  } else if (place.file.ends_with(".csv")) {
    const std::optional<std::int64_t> row = take_number(rest);
    if (rest.empty()) return refuse("no column");
    place.what = OutputPlace::Column{std::string(rest), row};
  } else {
    return refuse("'" + std::string(rest) + "' behind the #");
  }
  return place;
}

}  // namespace assay::detail
