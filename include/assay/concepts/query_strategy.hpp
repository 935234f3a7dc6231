// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/context_signature.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>
#include <assay/state.hpp>

namespace assay {

namespace detail {
template <class T>
concept HasSelect = requires { &T::select; };

template <class T>
using SelectSignature = ContextSignature<QueryContextWith, decltype(&T::select)>;
}  // namespace detail

/// A type satisfies `QueryStrategy` if
///  1. it has one member function `select`, neither overloaded nor a template, that takes a
///     `const QueryContextWith<Capabilities...>&` (`const QueryContext&` if it needs no capability) and gives a
///     `Selection`;
///  2. `select` is const, or the type is `Stateful`: state that is not saved breaks resuming.
///
/// The picks are positions of the unlabeled view, in the order of preference. The driver refuses a position outside the
/// view (`DataError` `assay.query.selection`); it takes a position that is picked twice once, and logs that.
/// Not required: a base class, a key, options. With `static constexpr std::string_view key` (and a public member
/// `options`, if it has any) it can also be registered and rebuilt from a file.
template <class T>
concept QueryStrategy = detail::HasSelect<T> && detail::SelectSignature<T>::valid &&
                        std::same_as<typename detail::SelectSignature<T>::Returns, Selection> &&
                        (detail::SelectSignature<T>::is_const || Stateful<T>);

/// `Query` needs nothing of the learner that `Learner` does not provide.
template <class Query, class Learner>
concept QueryFor = QueryStrategy<Query> && detail::SelectSignature<Query>::template satisfied_by<Learner>;

}  // namespace assay
