// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

namespace assay::detail {

/// A learner's specification or state, or that of the learner which it holds (as `transformed` does), at any depth.
/// \param learner `Json` or `const Json`.
template <class Learner>
Learner& innermost_learner(Learner& learner) {
  Learner* innermost = &learner;
  while (innermost->contains("learner")) innermost = &innermost->at("learner");
  return *innermost;
}

/// A learner's state for another program, which does not take a GPU unasked.
inline Json without_device(Json state) {
  for (Json* inside = &state; inside; inside = inside->contains("learner") ? &inside->at("learner") : nullptr)
    inside->erase("device");
  return state;
}

}  // namespace assay::detail
