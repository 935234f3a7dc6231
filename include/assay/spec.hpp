// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>
#include <assay/options.hpp>

#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

namespace assay {

namespace detail {
/// The readable name of a type, for messages and opaque specifications.
std::string type_name(const std::type_info& type);
}  // namespace detail

/// What a checkpoint writes about the component in a slot: `{"type": key, ...fully resolved options}`.
///
/// A component without a key is *opaque*, `{"type": null, "opaque": "its C++ type"}`: the program that made it can
/// resume with it, but nothing can rebuild it from the file.
template <class T>
Json spec_of(const T& component) {
  if constexpr (requires {
                  { component.spec() } -> std::same_as<Json>;
                }) {
    return component.spec();
  } else if constexpr (requires { std::string_view(T::key); }) {
    Json spec = Json::object();
    if constexpr (requires { component.options; }) spec = options_to_json(component.options);
    spec["type"] = std::string(std::string_view(T::key));
    return spec;
  } else {
    return Json{{"type", nullptr}, {"opaque", detail::type_name(typeid(T))}};
  }
}

/// The key in a specification, or "" for an opaque one.
std::string key_of(const Json& spec);

/// Gives an earlier specification of a component the options that it lacks, to any depth: an option that came with a
/// later version than the specification had its default then. One of another type is left as it is.
///
/// A component with a `spec` of its own has a `void fill_spec(Json& saved) const` too, if its options may become more.
template <class T>
void fill_spec(const T& component, Json& saved) {
  if constexpr (requires { component.fill_spec(saved); }) {
    component.fill_spec(saved);
  } else if constexpr (requires { std::string_view(T::key); } && requires { component.options; }) {
    using Options = std::remove_cvref_t<decltype(component.options)>;
    if (key_of(saved) == std::string_view(T::key)) detail::fill_options(saved, component.options, Options{});
  }
}

namespace detail {

/// Calls `differs(path, was, is)` for everything in which two specifications differ, at any depth; of components of
/// different types only for these. What is missing is null, and null no difference from it.
void for_each_difference(const std::string& where, const Json& was, const Json& is,
                         const std::function<void(const std::string&, const Json&, const Json&)>& differs);

}  // namespace detail

}  // namespace assay
