// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/state.hpp>

#include <torch/types.h>

#include <concepts>

namespace assay {

/// A type satisfies `TargetTransform` if, for `t` (mutable) and `c` (const), with values of one target as rows [n, k],
/// float64, on the CPU,
///  1. `t.fit(values)` learns what it needs from labeled samples; a transform without anything to learn does nothing;
///  2. `c.apply(values)` gives [n, m], float64, for one m: what a learner is to predict;
///  3. `c.invert(transformed)` gives [n, k] again: what the learner's predictions mean;
///  4. it is copyable, and `Stateful` if `fit` learns anything.
///
/// Optional: `c.variance(mean, variance)`, [n, m] each, gives the variance [n, k] of the inverse of a normal variable;
/// without it, it is that of the points one standard deviation to either side in each of the m directions, which is
/// exact for linear transforms. `c.above()` gives the number that all values must be greater than, as an
/// `std::optional<double>`: a label that is not is refused when it comes. It may not depend on what `fit` learned.
template <class T>
concept TargetTransform = std::copy_constructible<T> &&
                          requires(T& transform, const T& c, const torch::Tensor& values) {
                            transform.fit(values);
                            { c.apply(values) } -> std::same_as<torch::Tensor>;
                            { c.invert(values) } -> std::same_as<torch::Tensor>;
                          };

}  // namespace assay
