// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_learner.hpp>
#include <assay/state.hpp>
#include <assay/training/context.hpp>

#include <concepts>

namespace assay {

/// A type satisfies `TrainingLoop` if, for `l` (mutable),
///  1. `l.train(learner, context)` trains a `LearnerRef` on a `TrainingContext&` and gives a `TrainingReport`;
///  2. it is `Stateful`: `save` in the middle of a training (from `context.epoch_finished`), then `load` into a new
///     loop and `train` with the same context ends exactly where the uninterrupted training ends.
template <class T>
concept TrainingLoop = Stateful<T> && requires(T& loop, LearnerRef learner, TrainingContext& context) {
  { loop.train(learner, context) } -> std::same_as<TrainingReport>;
};

}  // namespace assay
