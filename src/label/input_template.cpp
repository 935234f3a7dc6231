// SPDX-License-Identifier: Apache-2.0
#include "../data/cells.hpp"
#include "../detail/listed.hpp"
#include "input_files.hpp"

#include <assay/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cctype>
#include <cmath>
#include <string_view>

namespace assay::detail {

namespace {

constexpr double whole_below = 0x1p53;

bool is_whole(double number) { return std::abs(number) < whole_below && number == std::floor(number); }

std::string as_digits(double number) { return std::to_string(static_cast<std::int64_t>(number)); }

/// As `%.{precision}{letter}` has it.
std::string printed(double number, char letter, int precision) {
  const char kind = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  const auto format = kind == 'f'   ? std::chars_format::fixed
                      : kind == 'g' ? std::chars_format::general
                                    : std::chars_format::scientific;
  std::array<char, 512> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, format,
                                 precision < 0 ? 6 : precision);
  std::string text(digits.data(), end.ptr);
  if (kind == letter) return text;
  for (char& c : text) c = c == 'e' ? letter == 'D' ? 'D' : 'E' : c;
  return text;
}

/// As flags and a width of C have it.
std::string padded(std::string text, const std::string& flags, std::size_t width, bool is_number) {
  const auto has = [&](char flag) { return flags.find(flag) != std::string::npos; };
  const bool negative = text.starts_with('-');
  if (is_number && !negative && (has('+') || has(' '))) text.insert(0, 1, has('+') ? '+' : ' ');
  const std::size_t lacks = text.size() < width ? width - text.size() : 0;
  if (has('-')) return text + std::string(lacks, ' ');
  if (!is_number || !has('0')) return std::string(lacks, ' ') + text;
  const bool sign = negative || has('+') || has(' ');
  return text.insert(sign ? 1 : 0, lacks, '0');
}

}  // namespace

InputTemplate::InputTemplate(std::string text, std::string where) : where_(std::move(where)) {
  std::string_view rest = text;
  for (std::size_t at = rest.find("{{"); at != std::string_view::npos; at = rest.find("{{")) {
    const std::size_t end = rest.find("}}", at);
    if (end == std::string_view::npos) fail("'}}' after '{{'", "none");
    texts_.emplace_back(rest.substr(0, at));
    places_.push_back(place_of(std::string(rest.substr(at + 2, end - at - 2))));
    rest.remove_prefix(end + 2);
  }
  texts_.emplace_back(rest);
}

InputTemplate::Place InputTemplate::place_of(const std::string& written) const {
  const std::size_t colon = written.rfind(':');
  Place place{.written = written, .name = std::string(data::trimmed(std::string_view(written).substr(0, colon)))};
  if (const std::size_t open = place.name.rfind('['); place.name.ends_with(']') && open != std::string::npos) {
    const char *first = place.name.data() + open + 1, *last = place.name.data() + place.name.size() - 1;
    if (const auto [end, error] = std::from_chars(first, last, place.index); error != std::errc() || end != last)
      place.index = -1;
    if (place.index >= 0) place.name = place.name.substr(0, open);
  }
  if (colon == std::string::npos) return place;
  constexpr const char* expected = "a format as 12.5f, 8d, 15.8e, 15.8D or -10s";
  constexpr int longest = 100;
  const std::string format = written.substr(colon + 1);
  std::size_t at = std::min(format.find_first_not_of("-+0 "), format.size());
  place.flags = format.substr(0, at);
  const auto read = [&](int& into) {
    const char* first = format.data() + at;
    const auto [end, error] = std::from_chars(first, format.data() + format.size(), into);
    if ((error != std::errc() && end != first) || into > longest) fail(expected, "{{" + written + "}}");
    at = static_cast<std::size_t>(end - format.data());
  };
  read(place.width);
  if (at < format.size() && format[at] == '.') {
    ++at;
    place.precision = 0;
    read(place.precision);
  }
  const bool known = at + 1 == format.size() &&
                     std::string_view("deEfFgGDs").find(format[at]) != std::string_view::npos;
  const bool is_text = known && format[at] == 's';
  if (!known || (is_text && (place.precision >= 0 || place.flags.find_first_of("+0 ") != std::string::npos)) ||
      (format[at] == 'd' && place.precision >= 0))
    fail(expected, "{{" + written + "}}");
  place.letter = format[at];
  return place;
}

std::string InputTemplate::formatted(const Place& place, double number, const CategoryNames& categories) const {
  const auto known = categories.find(place.name);
  const bool named = known != categories.end();
  if (named && !(is_whole(number) && number >= 0 && number < static_cast<double>(known->second.size())))
    fail("one of the " + std::to_string(known->second.size()) + " categories of '" + place.name + "'",
         data::shortest(number));
  const std::string plain = named              ? known->second[static_cast<std::size_t>(number)]
                            : is_whole(number) ? as_digits(number)
                                               : data::shortest(number);
  if (place.letter == 0) return plain;
  if (place.letter == 'd' && !is_whole(number))
    fail("a whole number for {{" + place.written + "}}", data::shortest(number));
  const bool is_text = place.letter == 's';
  std::string text = padded(is_text               ? plain
                            : place.letter == 'd' ? as_digits(number)
                                                  : printed(number, place.letter, place.precision),
                            place.flags, static_cast<std::size_t>(place.width), !is_text);
  if (place.width > 0 && text.size() > static_cast<std::size_t>(place.width))
    fail("at most " + std::to_string(place.width) + " characters for {{" + place.written + "}}", "'" + text + "'");
  return text;
}

std::vector<std::string> InputTemplate::names() const {
  std::vector<std::string> names;
  for (const Place& place : places_) names.push_back(place.name);
  return names;
}

std::string InputTemplate::filled(const Values& inputs, const CategoryNames& categories) const {
  std::string text = texts_.front();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    const torch::Tensor* input = inputs.find(place.name);
    if (!input) fail("the name of an input: " + listed(inputs.names()), "{{" + place.written + "}}");
    const std::vector<double> numbers = inputs.numbers(place.name);
    if (place.index < 0 && numbers.size() != 1)
      fail("an input that is one number", "{{" + place.written + "}}, which has more");
    if (place.index >= static_cast<std::int64_t>(numbers.size()))
      fail("one of the " + std::to_string(numbers.size()) + " numbers of '" + place.name + "', from 0 on",
           "{{" + place.written + "}}");
    text += formatted(place, numbers[static_cast<std::size_t>(std::max<std::int64_t>(place.index, 0))], categories);
    text += texts_[i + 1];
  }
  return text;
}

void InputTemplate::fail(std::string expected, std::string got) const {
  throw LabelError({"assay.label.template", where_, std::move(expected), std::move(got), ""});
}

}  // namespace assay::detail
