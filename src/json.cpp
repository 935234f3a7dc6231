// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <cmath>
#include <limits>
#include <set>

namespace assay {

namespace {

constexpr int deepest = 64;

/// `text`, short enough for a message.
std::string brief(std::string text) {
  if (text.size() > 200) text.replace(200, std::string::npos, "…");
  return text;
}

[[noreturn]] void fail(std::string_view where, std::string expected, std::string got) {
  throw ConfigError({.id = "assay.json.syntax",
                     .where = std::string(where),
                     .expected = std::move(expected),
                     .got = std::move(got),
                     .advice = {}});
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where, std::size_t longest) {
  if (text.size() > longest) {
    fail(where, "at most " + std::to_string(longest) + " bytes of JSON", std::to_string(text.size()));
  }
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > deepest) fail(where, "at most " + std::to_string(deepest) + " levels of nesting", "more");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      fail(where, "every key once in an object", "'" + brief(parsed.get<std::string>()) + "' twice");
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::exception& error) {
    fail(where, "JSON", brief(error.what()));
  }
}

Json json_number(double number) {
  if (std::isfinite(number)) return number;
  if (std::isnan(number)) return "nan";
  return number > 0 ? "inf" : "-inf";
}

double number_from_json(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (json == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (json == "inf") return std::numeric_limits<double>::infinity();
  if (json == "-inf") return -std::numeric_limits<double>::infinity();
  fail("number", "a number, \"nan\", \"inf\" or \"-inf\"", brief(json.dump()));
}

void detail::throw_no_integer(const Json& json, std::size_t bits) {
  fail("number", "an integer of " + std::to_string(bits) + " bits", brief(json.dump()));
}

}  // namespace assay
