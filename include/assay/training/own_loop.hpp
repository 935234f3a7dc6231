// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_training_loop.hpp>
#include <assay/training/default_training_loop.hpp>

#include <filesystem>
#include <type_traits>

namespace assay {

namespace detail {

/// A learner that names a training loop, or holds another that may.
template <class T>
concept NamesLoop = requires { typename T::default_loop; } || requires(const T& learner) {
  { learner.loop_maker() } -> std::same_as<LoopMaker>;
};

/// What trains a learner where no loop is given. \param maker may be null.
AnyTrainingLoop own_loop(LoopMaker maker);
/// The same in a campaign: one in `dir` that was begun without a loop before learners named theirs goes on with the
/// loop of that time, `DefaultTrainingLoop`.
AnyTrainingLoop begun_loop(LoopMaker maker, const std::filesystem::path& dir);

}  // namespace detail

/// The type of the loop that trains a learner where none is given: `DefaultTrainingLoop`, unless the learner names
/// another.
template <class Learner>
using OwnLoop = std::conditional_t<detail::NamesLoop<Learner>, AnyTrainingLoop, DefaultTrainingLoop>;

}  // namespace assay
