// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/owner.hpp>
#include <assay/error.hpp>
#include <assay/spec.hpp>

#include <cstdlib>
#include <cxxabi.h>
#include <memory>

namespace assay {

namespace detail {

std::string type_name(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                   &std::free);
  return status == 0 ? std::string(name.get()) : std::string(type.name());
}

void throw_not_copyable(const std::type_info& type) {
  throw ConfigError({.id = "assay.component.copy",
                     .where = type_name(type),
                     .expected = "a copyable component, since its owner is copied",
                     .got = "a type without a copy constructor",
                     .advice = "move the owner instead (std::move), or make the component copyable"});
}

}  // namespace detail

std::string key_of(const Json& spec) {
  const auto type = spec.find("type");
  return type != spec.end() && type->is_string() ? type->get<std::string>() : std::string();
}

void detail::for_each_difference(const std::string& where, const Json& was, const Json& is,
                                 const std::function<void(const std::string&, const Json&, const Json&)>& differs) {
  if (was == is) return;
  if (was.is_array() && is.is_array() && was.size() == is.size()) {
    for (std::size_t i = 0; i < is.size(); ++i)
      for_each_difference(where + "/" + std::to_string(i), was[i], is[i], differs);
    return;
  }
  if (!was.is_object() || !is.is_object()) return differs(where, was, is);
  const auto of = [](const Json& object, const std::string& name) { return object.value(name, Json()); };
  // The options of another type are others: to tell them one by one would say nothing.
  if (key_of(was) != key_of(is)) return differs(where + "/type", of(was, "type"), of(is, "type"));
  for (const auto& [name, value] : is.items()) {
    if (was.contains(name)) {
      for_each_difference(where + "/" + name, was[name], value, differs);
    } else if (!value.is_null()) {
      differs(where + "/" + name, Json(), value);
    }
  }
  for (const auto& [name, value] : was.items()) {
    if (!is.contains(name) && !value.is_null()) differs(where + "/" + name, value, Json());
  }
}

}  // namespace assay
