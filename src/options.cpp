// SPDX-License-Identifier: Apache-2.0
#include <assay/options.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

namespace assay {

namespace {

const Json nothing;

// Of what one configuration can make assay write about itself.
constexpr std::size_t most_problems = 100, longest_said = 1000;

std::string number_text(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

/// Levenshtein's distance.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

const Json& ConfigReader::json() const noexcept { return json_ ? *json_ : nothing; }

ConfigReader ConfigReader::child(const std::string& key) const {
  const Json* found = nullptr;
  if (json().is_object()) {
    const auto it = json().find(key);
    if (it != json().end()) found = &*it;
  }
  return {found, path_ + "/" + key, *this};
}

ConfigReader ConfigReader::child(std::size_t index) const {
  return {&json().at(index), path_ + "/" + std::to_string(index), *this};
}

void ConfigReader::problem(std::string id, std::string expected, std::string got, std::string advice) const {
  problem({std::move(id), path_.empty() ? "/" : path_, std::move(expected), std::move(got), std::move(advice)});
}

void ConfigReader::problem(ErrorParts parts) const {
  if (problems_->size() >= most_problems) return;
  for (std::string* text : {&parts.where, &parts.expected, &parts.got}) {
    if (text->size() > longest_said) text->replace(longest_said, std::string::npos, "…");
  }
  problems_->push_back(std::move(parts));
}

bool ConfigReader::expect(bool good, const std::string& expected) const {
  if (!good) problem("assay.config.type", expected, present() ? json().dump() : "nothing");
  return good;
}

void ConfigReader::reject_unknown(const std::vector<std::string>& known) const {
  for (const auto& item : json().items()) {
    if (std::find(known.begin(), known.end(), item.key()) != known.end()) continue;
    problem({"assay.config.unknown_key", path_ + "/" + item.key(), "a known key", "'" + item.key() + "'",
             detail::suggest(item.key(), known)});
  }
}

namespace detail {

std::string suggest(std::string_view name, const std::vector<std::string>& known) {
  if (known.empty()) return "there is none";
  name = name.substr(0, 100);  // the distance costs the product of the lengths
  const auto nearest = std::min_element(known.begin(), known.end(),
                                        [&](const auto& a, const auto& b) { return edits(name, a) < edits(name, b); });
  std::string text;
  if (edits(name, *nearest) <= std::max<std::size_t>(2, name.size() / 3)) text = "did you mean '" + *nearest + "'? ";
  text += "known: ";
  for (std::size_t i = 0; i < known.size(); ++i) text += (i == 0 ? "" : ", ") + known[i];
  return text;
}

std::string range_text(std::string_view type, const OptionInfo& info) {
  std::string text(type);
  const bool low = std::isfinite(info.min), high = std::isfinite(info.max);
  if (low && high) return text + " in [" + number_text(info.min) + ", " + number_text(info.max) + "]";
  if (low) return text + " >= " + number_text(info.min);
  if (high) return text + " <= " + number_text(info.max);
  return text;
}

bool in_range(const Json& value, const OptionInfo& info) {
  if (value.is_array()) {
    return std::all_of(value.begin(), value.end(), [&](const Json& one) { return in_range(one, info); });
  }
  if (!value.is_number() && value != "nan" && value != "inf" && value != "-inf") return true;
  const double number = number_from_json(value);
  return number >= info.min && number <= info.max;
}

}  // namespace detail

}  // namespace assay
