// SPDX-License-Identifier: Apache-2.0
#include "detail/brief.hpp"

#include <assay/detail/utf8.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace assay {

namespace {

constexpr std::size_t deepest = 64;

[[noreturn]] void json_refused(std::string_view where, std::string expected, std::string got) {
  throw ConfigError({.id = "assay.json.syntax",
                     .where = std::string(where),
                     .expected = std::move(expected),
                     .got = std::move(got),
                     .advice = {}});
}

/// Looks at a text before values are made of it. (The parser's own callback would do, but takes time that grows with
/// the square of an object's size.)
class Checker : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(std::string_view where) : where_(where) {}

  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (!keys_.back().insert(name).second)
      json_refused(where_, "every key once in an object",
                   std::string("'").append(detail::brief(name)).append("' twice"));
    return true;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    json_refused(where_, "JSON", detail::brief(error.what()));
  }

 private:
  bool open() {
    keys_.emplace_back();
    if (keys_.size() > deepest)
      json_refused(where_, "at most " + std::to_string(deepest) + " levels of nesting", "more");
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::string_view where_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open; arrays have none
};

}  // namespace

Json parse_json(std::string_view text, std::string_view where, std::size_t longest) {
  if (text.size() > longest) {
    json_refused(where, "at most " + std::to_string(longest) + " bytes of JSON", std::to_string(text.size()));
  }
  Checker checker(where);
  Json::sax_parse(text, &checker);
  return Json::parse(text);
}

std::string detail::json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
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
  json_refused("number", "a number, \"nan\", \"inf\" or \"-inf\"", detail::brief(json.dump()));
}

void detail::throw_no_integer(const Json& json, std::size_t bits) {
  json_refused("number", "an integer of " + std::to_string(bits) + " bits", detail::brief(json.dump()));
}

}  // namespace assay
