// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/learner_view.hpp>

namespace assay::detail {

/// Reads the capabilities out of `Result (T::*)(const Context<Capabilities...>&)`, const or not.
template <template <class...> class Context, class Member>
struct ContextSignature {
  static constexpr bool valid = false;
};

template <template <class...> class Context, class Result, class T, class... Capabilities>
struct ContextSignature<Context, Result (T::*)(const Context<Capabilities...>&)> {
  static constexpr bool valid = true;
  static constexpr bool is_const = false;
  using Returns = Result;
  using ContextType = Context<Capabilities...>;
  template <class L>
  static constexpr bool satisfied_by = (Capabilities::template provided_by<L> && ...);
  static CapabilitySet required() { return (CapabilitySet() | ... | CapabilitySet(Capabilities::capability)); }
};

template <template <class...> class Context, class Result, class T, class... Capabilities>
struct ContextSignature<Context, Result (T::*)(const Context<Capabilities...>&) const>
    : ContextSignature<Context, Result (T::*)(const Context<Capabilities...>&)> {
  static constexpr bool is_const = true;
};

template <template <class...> class Context, class Result, class T, class... Capabilities>
struct ContextSignature<Context, Result (T::*)(const Context<Capabilities...>&) noexcept>
    : ContextSignature<Context, Result (T::*)(const Context<Capabilities...>&)> {};

template <template <class...> class Context, class Result, class T, class... Capabilities>
struct ContextSignature<Context, Result (T::*)(const Context<Capabilities...>&) const noexcept>
    : ContextSignature<Context, Result (T::*)(const Context<Capabilities...>&) const> {};

/// A type that knows only at run time what it needs of a learner: erased owners and chains of them.
template <class T>
concept HasRequirements = requires(const T& t) {
  { t.requirements() } -> std::same_as<CapabilitySet>;
};

}  // namespace assay::detail
