// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>
#include <assay/options.hpp>

#include <concepts>
#include <string>
#include <string_view>
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

}  // namespace assay
