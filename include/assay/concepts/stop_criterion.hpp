// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/state.hpp>
#include <assay/stop/context.hpp>

#include <concepts>
#include <optional>
#include <string>

namespace assay {

namespace detail {
template <class T>
concept HasShouldStop = requires(T& criterion, const StopContext& context) {
  { criterion.should_stop(context) } -> std::same_as<std::optional<std::string>>;
};
template <class T>
concept HasConstShouldStop = HasShouldStop<const T>;
}  // namespace detail

/// A type satisfies `StopCriterion` if
///  1. `should_stop(const StopContext&)` gives `std::optional<std::string>`: the reason to stop, or nothing;
///  2. `should_stop` is const, or the type is `Stateful`.
template <class T>
concept StopCriterion = detail::HasShouldStop<T> && (detail::HasConstShouldStop<T> || Stateful<T>);

}  // namespace assay
