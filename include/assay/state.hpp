// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>
#include <assay/json.hpp>

#include <concepts>

namespace assay {

/// What a component must carry over a restart, beyond its options: JSON and named tensors.
struct State {
  Json json = Json::object();
  Values tensors;
};

/// A type satisfies `Stateful` if, for `t` (const) and `m` (mutable),
///  1. `t.save()` gives a `State`;
///  2. `m.load(state)` takes a `State` that `save` gave and makes `m` behave as the saved one did.
template <class T>
concept Stateful = requires(const T& saved, T& restored, const State& state) {
  { saved.save() } -> std::same_as<State>;
  restored.load(state);
};

}  // namespace assay
