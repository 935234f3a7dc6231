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

}  // namespace assay
