// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/config_reader.hpp>
#include <assay/detail/reflect.hpp>
#include <assay/detail/utf8.hpp>
#include <assay/duration.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace assay::detail {

/// How a type of option goes to and from JSON, where texts are UTF-8: other bytes (of names of folders, say) are
/// replaced. A type that has none cannot be an option.
///
/// `fill(saved, now, standard)`, where options stand inside, gives a saved value what it lacks: `standard` is what an
/// option has that is not given, and `now` the value in use, which knows the types of the components in it.
template <class T>
struct OptionCodec;

template <class T>
void fill_option(Json& saved, const T& now, const T& standard) {
  if constexpr (requires { OptionCodec<T>::fill(saved, now, standard); }) OptionCodec<T>::fill(saved, now, standard);
}

template <>
struct OptionCodec<bool> {
  static constexpr bool numeric = false;
  static std::string type() { return "true or false"; }
  static Json to_json(bool value) { return value; }
  static void read(const ConfigReader& reader, bool& value) {
    if (reader.expect(reader.json().is_boolean(), type())) value = reader.json().get<bool>();
  }
};

template <std::integral T>
struct OptionCodec<T> {
  static constexpr bool numeric = true;
  static std::string type() { return "integer"; }
  static Json to_json(T value) { return value; }
  static void read(const ConfigReader& reader, T& value) {
    const Json json = whole(reader.json());
    if (!reader.expect(json.is_number_integer(), type())) return;
    const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
                                                : std::in_range<T>(json.get<std::int64_t>());
    if (reader.expect(fits, "an integer of " + std::to_string(8 * sizeof(T)) + " bits")) value = json.get<T>();
  }

 private:
  /// 6.4e1 is a whole number too, as programs write them; beyond 2^53 nobody knows which one was meant.
  static Json whole(const Json& json) {
    if (!json.is_number_float()) return json;
    const auto number = json.get<double>();
    const bool exact = number == std::floor(number) && std::abs(number) <= 0x1p53;
    return exact ? Json(static_cast<std::int64_t>(number)) : json;
  }
};

template <std::floating_point T>
struct OptionCodec<T> {
  static constexpr bool numeric = true;
  static std::string type() { return "number"; }
  static Json to_json(T value) { return json_number(value); }
  static void read(const ConfigReader& reader, T& value) {
    const Json& json = reader.json();
    const bool good = json.is_number() || json == "inf" || json == "-inf";
    if (reader.expect(good, type())) value = static_cast<T>(number_from_json(json));
  }
};

template <>
struct OptionCodec<std::string> {
  static constexpr bool numeric = false;
  static std::string type() { return "text"; }
  static Json to_json(const std::string& value) { return valid_utf8(value); }
  static void read(const ConfigReader& reader, std::string& value) {
    if (reader.expect(reader.json().is_string(), type())) value = reader.json().get<std::string>();
  }
};

template <>
struct OptionCodec<std::filesystem::path> {
  static constexpr bool numeric = false;
  static std::string type() { return "path"; }
  static Json to_json(const std::filesystem::path& value) { return valid_utf8(value.string()); }
  static void read(const ConfigReader& reader, std::filesystem::path& value) {
    if (reader.expect(reader.json().is_string(), type())) value = reader.json().get<std::string>();
  }
};

template <class Rep, class Period>
struct OptionCodec<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static constexpr bool numeric = true;
  static std::string type() { return "seconds, or text as '3h50m'"; }
  static Json to_json(Duration value) { return json_number(std::chrono::duration<double>(value).count()); }
  static void read(const ConfigReader& reader, Duration& value) {
    std::optional<std::chrono::duration<double>> read;
    if (reader.json().is_number()) read.emplace(reader.json().get<double>());
    if (reader.json().is_string()) read = parse_duration(reader.json().get<std::string>());
    if (reader.expect(read.has_value(), type())) value = std::chrono::duration_cast<Duration>(*read);
  }
};

template <class T>
  requires std::is_enum_v<T>
struct OptionCodec<T> {
  static constexpr bool numeric = false;
  static std::string type() {
    std::string text;
    for (const std::string_view name : enumerator_names<T>) text += (text.empty() ? "" : " | ") + std::string(name);
    return text;
  }
  static Json to_json(T value) { return std::string(enumerator_names<T>.at(static_cast<std::size_t>(value))); }
  static void read(const ConfigReader& reader, T& value) {
    for (std::size_t i = 0; i < enumerator_names<T>.size(); ++i) {
      if (reader.json() == enumerator_names<T>[i]) {
        value = static_cast<T>(i);
        return;
      }
    }
    reader.expect(false, type());
  }
};

template <class T>
struct OptionCodec<std::optional<T>> {
  static constexpr bool numeric = OptionCodec<T>::numeric;
  static std::string type() { return OptionCodec<T>::type() + " or null"; }
  static Json to_json(const std::optional<T>& value) { return value ? OptionCodec<T>::to_json(*value) : Json(); }
  static void read(const ConfigReader& reader, std::optional<T>& value) {
    if (reader.json().is_null()) {
      value.reset();
    } else {
      T inner{};
      OptionCodec<T>::read(reader, inner);
      value = std::move(inner);
    }
  }
  static void fill(Json& saved, const std::optional<T>& now, const std::optional<T>&) {
    if (now && !saved.is_null()) fill_option(saved, *now, T{});
  }
};

/// A component behind its erased owner: JSON with a "type" that the registries know.
template <class T>
concept HasSpec = requires(const T& component) {
  { component.spec() } -> std::same_as<Json>;
};

/// Builds a component from the JSON a reader stands at, or reports why not. Defined for the erased owners.
template <class T>
std::optional<T> make_component(const ConfigReader& reader);

template <HasSpec T>
struct OptionCodec<T> {
  static constexpr bool numeric = false;
  static std::string type() { return "object with a type"; }
  static Json to_json(const T& value) { return value.spec(); }
  static void read(const ConfigReader& reader, T& value) {
    if (std::optional<T> made = make_component<T>(reader)) value = std::move(*made);
  }
  static void fill(Json& saved, const T& now, const T&) {
    if constexpr (requires { now.fill_spec(saved); }) now.fill_spec(saved);
  }
};

template <class T>
struct OptionCodec<std::vector<T>> {
  static constexpr bool numeric = OptionCodec<T>::numeric;
  static std::string type() { return "list of " + OptionCodec<T>::type(); }
  static Json to_json(const std::vector<T>& values) {
    Json json = Json::array();
    for (const T& value : values) json.push_back(OptionCodec<T>::to_json(value));
    return json;
  }
  static void read(const ConfigReader& reader, std::vector<T>& values) {
    if (!reader.expect(reader.json().is_array(), type())) return;
    values.clear();
    for (std::size_t i = 0; i < reader.json().size(); ++i) {
      const ConfigReader child = reader.child(i);
      if constexpr (HasSpec<T>) {
        if (std::optional<T> made = make_component<T>(child)) values.push_back(std::move(*made));
      } else {
        T value{};
        OptionCodec<T>::read(child, value);
        values.push_back(std::move(value));
      }
    }
  }
  static void fill(Json& saved, const std::vector<T>& now, const std::vector<T>&) {
    if (!saved.is_array()) return;
    for (std::size_t i = 0; i < std::min(saved.size(), now.size()); ++i) {
      if constexpr (HasSpec<T>) {
        fill_option(saved[i], now[i], now[i]);
      } else {
        fill_option<T>(saved[i], now[i], T{});
      }
    }
  }
};

template <class T>
struct OptionCodec<std::map<std::string, T>> {
  static constexpr bool numeric = false;
  static std::string type() { return "object of " + OptionCodec<T>::type(); }
  static Json to_json(const std::map<std::string, T>& values) {
    Json json = Json::object();
    for (const auto& [name, value] : values) json[name] = OptionCodec<T>::to_json(value);
    return json;
  }
  static void read(const ConfigReader& reader, std::map<std::string, T>& values) {
    if (!reader.expect_object()) return;
    values.clear();
    for (const auto& item : reader.json().items()) OptionCodec<T>::read(reader.child(item.key()), values[item.key()]);
  }
  static void fill(Json& saved, const std::map<std::string, T>& now, const std::map<std::string, T>&) {
    if (!saved.is_object()) return;
    for (const auto& [name, value] : now) {
      if (saved.contains(name)) fill_option(saved[name], value, T{});
    }
  }
};

}  // namespace assay::detail
