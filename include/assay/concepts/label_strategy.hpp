// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/label/context.hpp>
#include <assay/state.hpp>

#include <concepts>
#include <string>
#include <vector>

namespace assay {

namespace detail {
template <class T>
concept HasLabel = requires(T& strategy, LabelContext& context) { strategy.label(context); };
template <class T>
concept HasProvides = requires(const T& strategy) {
  { strategy.provides() } -> std::convertible_to<std::vector<std::string>>;
};
}  // namespace detail

/// A type satisfies `LabelStrategy` if, for `s` (mutable) and `c` (const),
///  1. `s.label(context)` takes a `LabelContext&` and works through `context.next()` until it gives nothing,
///     ending each job with `accept` or `fail`;
///  2. `c.provides()` gives the names of the fields it promises for every sample (`std::vector<std::string>`).
///
/// Optional: `c.obstacles(inputs)` gives what would keep it from labeling samples with these fields here and now, as
/// `std::vector<ErrorParts>` whose places are "/OPTION": a program that is not there. `assay new` asks it.
///
/// An exception that belongs to one simulation should become `fail`; one that leaves `label` ends the phase: running
/// attempts are marked as interrupted, a checkpoint is written, and the exception goes on to the caller of `run`.
/// Not required: constness (what it pays for is in the ledger, not in the strategy), thread safety, a base class.
template <class T>
concept LabelStrategy = detail::HasLabel<T> && detail::HasProvides<T>;

}  // namespace assay
