// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/context_signature.hpp>
#include <assay/metrology/context.hpp>
#include <assay/state.hpp>

namespace assay {

namespace detail {
template <class T>
concept HasMeasure = requires { &T::measure; };

template <class T>
using MeasureSignature = ContextSignature<MetrologyContextWith, decltype(&T::measure)>;
}  // namespace detail

/// A type satisfies `MetrologyStrategy` if
///  1. it has one member function `measure`, neither overloaded nor a template, that takes a
///     `const MetrologyContextWith<Capabilities...>&` and gives `Measurements`;
///  2. `measure` is const, or the type is `Stateful`.
///
/// Optional: `measured`, a range of names that it measures over all targets (and of one as NAME/TARGET), or
/// `metric_names()` that gives them: a configuration whose stop criterion names another is refused at once.
///
/// The driver keeps the records of all rounds, checkpoints them and writes them to `metrics.jsonl`.
template <class T>
concept MetrologyStrategy = detail::HasMeasure<T> && detail::MeasureSignature<T>::valid &&
                            std::same_as<typename detail::MeasureSignature<T>::Returns, Measurements> &&
                            (detail::MeasureSignature<T>::is_const || Stateful<T>);

/// `Metrology` needs nothing of the learner that `Learner` does not provide.
template <class Metrology, class Learner>
concept MetrologyFor = MetrologyStrategy<Metrology> &&
                       detail::MeasureSignature<Metrology>::template satisfied_by<Learner>;

}  // namespace assay
