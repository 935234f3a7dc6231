// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/restoring.hpp>
#include <assay/state.hpp>

#include <string>
#include <utility>
#include <vector>

namespace assay::detail {

/// Takes a component's tensors into a larger state, their names behind `prefix`. \return its JSON, for a place beside.
inline Json add_part(State& all, State part, const std::string& prefix) {
  for (const NamedTensor& entry : part.tensors) all.tensors.set(prefix + entry.name, entry.tensor);
  return std::move(part.json);
}

/// What `add_part` took: the tensors whose names begin with `prefix`, with the component's JSON.
inline State part_of(const Values& tensors, Json json, const std::string& prefix) {
  State part{.json = std::move(json), .tensors = {}};
  for (const NamedTensor& entry : tensors) {
    if (entry.name.starts_with(prefix)) part.tensors.set(entry.name.substr(prefix.size()), entry.tensor);
  }
  return part;
}

/// The states of several components as one, under their numbers.
template <class Component>
State save_parts(const std::vector<Component>& components) {
  State all;
  for (std::size_t i = 0; i < components.size(); ++i) {
    const std::string number = std::to_string(i);
    all.json[number] = add_part(all, components[i].save(), number + "/");
  }
  return all;
}

template <class Component>
void load_parts(std::vector<Component>& components, const State& state) {
  for (std::size_t i = 0; i < components.size(); ++i) {
    const std::string number = std::to_string(i);
    Json json;
    restoring("component " + number, [&] { json = state.json.at(number); });
    components[i].load(part_of(state.tensors, std::move(json), number + "/"));
  }
}

}  // namespace assay::detail
