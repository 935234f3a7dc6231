// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/restoring.hpp>
#include <assay/state.hpp>

#include <string>
#include <vector>

namespace assay::detail {

/// The states of several components as one, under their numbers.
template <class Component>
State save_parts(const std::vector<Component>& components) {
  State all;
  for (std::size_t i = 0; i < components.size(); ++i) {
    State one = components[i].save();
    const std::string number = std::to_string(i);
    all.json[number] = std::move(one.json);
    for (const NamedTensor& entry : one.tensors) all.tensors.set(number + "/" + entry.name, entry.tensor);
  }
  return all;
}

template <class Component>
void load_parts(std::vector<Component>& components, const State& state) {
  for (std::size_t i = 0; i < components.size(); ++i) {
    const std::string number = std::to_string(i), prefix = number + "/";
    State one;
    restoring("component " + number, [&] { one.json = state.json.at(number); });
    for (const NamedTensor& entry : state.tensors) {
      if (entry.name.starts_with(prefix)) one.tensors.set(entry.name.substr(prefix.size()), entry.tensor);
    }
    components[i].load(one);
  }
}

}  // namespace assay::detail
