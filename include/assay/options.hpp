// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/option_codec.hpp>
#include <assay/detail/reflect.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// What a struct of options may say about one of its fields, in `static constexpr std::array describe{...}`.
/// Nothing here is needed for the struct to go to and from JSON.
struct OptionInfo {
  std::string_view name;
  std::string_view help = {};
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool required = false;  ///< has no usable default: a configuration must give it
};

/// One row of the table of a struct's options, made from the struct itself.
struct OptionRow {
  std::string name;
  std::string type;  ///< "integer", "number", "text", "list of text", …
  Json default_value;
  std::string help;
  double min, max;
  bool required;
};

namespace detail {

template <class T>
constexpr OptionInfo info_of(std::string_view field) {
  if constexpr (requires { T::describe; }) {
    for (const OptionInfo& info : T::describe) {
      if (info.name == field) return info;
    }
  }
  return {.name = field};
}

/// Calls `visit(name, field, info)` for every field of an aggregate.
template <class T, class Visit>
void for_each_field(T& options, Visit visit) {
  using Plain = std::remove_const_t<T>;
  auto fields = tie_fields(options);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (visit(field_names<Plain>[I], std::get<I>(fields), info_of<Plain>(field_names<Plain>[I])), ...);
  }(std::make_index_sequence<field_count<Plain>>());
}

std::string range_text(std::string_view type, const OptionInfo& info);
/// Every number in a JSON value lies in the range of `info`.
bool in_range(const Json& value, const OptionInfo& info);

}  // namespace detail

/// A struct of options as a JSON object, defaults included.
template <class T>
Json options_to_json(const T& options) {
  Json json = Json::object();
  detail::for_each_field(options, [&](std::string_view name, const auto& field, const OptionInfo&) {
    json[std::string(name)] = detail::OptionCodec<std::remove_cvref_t<decltype(field)>>::to_json(field);
  });
  return json;
}

/// Reads a struct of options; fields that the JSON leaves out keep the values they have in `options`. Reports to
/// `reader` every unknown key, wrong type, number out of range and missing required field.
template <class T>
T options_from_json(const ConfigReader& reader, const std::vector<std::string>& also_allowed = {}, T options = {}) {
  std::vector<std::string> known = also_allowed;
  if (!reader.expect_object()) return options;
  detail::for_each_field(options, [&](std::string_view name, auto& field, const OptionInfo& info) {
    using Codec = detail::OptionCodec<std::remove_cvref_t<decltype(field)>>;
    known.emplace_back(name);
    const ConfigReader child = reader.child(std::string(name));
    if (!child.present()) {
      if (info.required) child.problem("assay.config.required", Codec::type(), "nothing", std::string(info.help));
      return;
    }
    if (!detail::in_range(child.json(), info)) {
      child.problem("assay.config.range", detail::range_text(Codec::type(), info), child.json().dump());
      return;
    }
    Codec::read(child, field);
  });
  reader.reject_unknown(known);
  return options;
}

namespace detail {

template <class T>
void find_range_problems(const T& options, const std::string& where, std::vector<ErrorParts>& problems) {
  for_each_field(options, [&](std::string_view name, const auto& field, const OptionInfo& info) {
    using Field = std::remove_cvref_t<decltype(field)>;
    using Codec = OptionCodec<Field>;
    const std::string path = where + "/" + std::string(name);
    if constexpr (Codec::numeric) {
      const Json value = Codec::to_json(field);
      if (in_range(value, info)) return;
      problems.push_back({"assay.config.range", path, range_text(Codec::type(), info), value.dump(), ""});
    } else if constexpr (requires { Field::describe; }) {
      find_range_problems(field, path, problems);
    } else if constexpr (requires {
                           Field::value_type::describe;
                           *field;
                         }) {
      if (field) find_range_problems(*field, path, problems);
    }
  });
}

}  // namespace detail

/// Checks the ranges of options that were set from C++, those of nested structs with them. \param where the component's
/// key. Errors: `ConfigError` with every value out of its range.
template <class T>
void require_valid(const T& options, std::string_view where) {
  std::vector<ErrorParts> problems;
  detail::find_range_problems(options, std::string(where), problems);
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

/// The options of a struct, as a table.
template <class T>
std::vector<OptionRow> option_rows() {
  std::vector<OptionRow> rows;
  const T defaults{};
  detail::for_each_field(defaults, [&](std::string_view name, const auto& field, const OptionInfo& info) {
    using Codec = detail::OptionCodec<std::remove_cvref_t<decltype(field)>>;
    rows.push_back({std::string(name), Codec::type(), Codec::to_json(field), std::string(info.help), info.min, info.max,
                    info.required});
  });
  return rows;
}

namespace detail {

/// Gives a saved struct of options what it lacks, to any depth; see `OptionCodec`. An option that must be given has no
/// default to give.
template <class T>
void fill_options(Json& saved, const T& now, const T& standard) {
  if (!saved.is_object()) return;
  const auto values = tie_fields(now), standards = tie_fields(standard);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto fill = [&](std::string_view name, const auto& value, const auto& missing) {
      using Field = std::remove_cvref_t<decltype(value)>;
      const auto found = saved.find(std::string(name));
      if (found != saved.end()) return fill_option<Field>(*found, value, missing);
      if (!info_of<T>(name).required) saved[std::string(name)] = OptionCodec<Field>::to_json(missing);
    };
    (fill(field_names<T>[I], std::get<I>(values), std::get<I>(standards)), ...);
  }(std::make_index_sequence<field_count<T>>());
}

/// Nested structs of options.
template <class T>
  requires(std::is_aggregate_v<T> && !HasSpec<T>)
struct OptionCodec<T> {
  static constexpr bool numeric = false;
  static std::string type() { return "object"; }
  static Json to_json(const T& value) { return options_to_json(value); }
  static void read(const ConfigReader& reader, T& value) { value = options_from_json<T>(reader, {}, std::move(value)); }
  static void fill(Json& saved, const T& now, const T& standard) { fill_options(saved, now, standard); }
};

}  // namespace detail

}  // namespace assay
