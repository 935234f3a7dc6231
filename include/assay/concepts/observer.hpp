// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/observer/event.hpp>

namespace assay {

/// A type satisfies `Observer` if, for `o` (mutable),
///  1. `o.observe(event)` takes a `const Event&`; what it gives is not looked at.
///
/// The driver calls observers one event at a time, from whichever thread the event arose in. An exception that leaves
/// an observer ends the campaign like any other error. If it is `Stateful`, its state is checkpointed.
template <class T>
concept Observer = requires(T& observer, const Event& event) { observer.observe(event); };

}  // namespace assay
