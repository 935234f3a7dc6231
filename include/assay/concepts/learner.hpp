// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/data/values.hpp>
#include <assay/learner/batch.hpp>
#include <assay/learner/gradients.hpp>
#include <assay/state.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace assay {

/// A type satisfies `LearnerProtocol` if, for `l` (mutable) and `c` (const),
///  1. `c.inputs()` and `c.targets()` give the names of the fields it reads and predicts, as
///     `std::vector<std::string>`;
///  2. `c.parameters()` gives the trainable tensors (`std::vector<torch::Tensor>`), the same tensors at every call
///     until `to` or `reset`;
///  3. `c.pack(samples, ids)` turns a batch of samples (physical units, CPU) into a `Batch` in the learner's own
///     form; row i of the result depends on row i of `samples` and its id alone;
///  4. `l.training_step(batch)` gives the loss of a batch, a differentiable scalar;
///  5. `c.predict(inputs)` gives the targets of a batch of inputs, in physical units, on the CPU, each
///     [n, shape of the target...];
///  6. `l.set_training(bool)` switches between training and evaluation;
///  7. `l.reset(seed)` draws new weights from `seed` (`std::uint64_t`) alone;
///  8. it is `Stateful`: `save` and `load` carry parameters, buffers and scalings.
///
/// Optional members that the library uses where they exist:
///  - `buffers()`: tensors that training changes besides the parameters (batch-norm statistics), so that the best epoch
///    is restored with them;
///  - `validation_step(batch)`: a loss for early stopping; else `training_step` without gradients;
///  - `has_out_of_bag()` and `out_of_bag_step(batch)`: the loss of samples, each averaged over the members that never
///    learn from it (at least one), averaged: early stopping that holds no samples out;
///  - `loss_and_gradients(batch)`: the loss of `training_step(batch)` as a number without a graph, its gradients left
///  in
///    the parameters' `grad()` in place of what was there; both are valid until the next call. A training loop then
///    does without autograd. An erased owner says with `has_own_gradients()` whether what it holds can;
///  - `to(device, dtype)`: move; else the learner stays on the CPU and asking for another device is an error. Where it
///    can move, `load` should take it to the dtype of the saved state, and to its device if that is there: a campaign
///    that is resumed between two trainings asks the learner before a training loop moves it;
///  - `target_rules()`: what its labels must be (`std::vector<TargetRule>`), from its options alone: labels that break
///  a
///    rule are refused when they come, not when it learns;
///  - `count_components()`: called when it takes part in a campaign that was begun before fields had weights: its loss
///    counts every component as one, as it did then, and so do the `weight`s of its `target_rules()`, which are
///    nothing;
///  - `input_columns(inputs)`: [n, d] float64, its inputs in the form in which it takes them, before any scaling, which
///    strategies measure distances in; without it, the fields side by side;
///  - `fit_scaling(samples, keep_function)`: fit standardisation on the labeled samples; with `keep_function` the
///    weights are rescaled so that the learner's predictions stay as they are;
///  - `using default_loop = FullBatchLoop;`: the training loop, without options, where none is given; its header and
///    `any_training_loop.hpp` are included. Else it is `DefaultTrainingLoop`;
///  - `needs_whole_pool()`: why its loss says what it should for all labeled samples together only, as a
///    `std::string_view`; a loop that trains it by parts of them warns of that;
///  - capabilities, below.
///
/// Not required: a base class, copyability, thread safety.
template <class T>
concept LearnerProtocol = requires(T& learner, const T& c, const Values& samples, std::span<const SampleId> ids,
                                   const Batch& batch) {
  { c.inputs() } -> std::convertible_to<std::vector<std::string>>;
  { c.targets() } -> std::convertible_to<std::vector<std::string>>;
  { c.parameters() } -> std::same_as<std::vector<torch::Tensor>>;
  { c.pack(samples, ids) } -> std::same_as<Batch>;
  { learner.training_step(batch) } -> std::same_as<torch::Tensor>;
  { c.predict(samples) } -> std::same_as<Values>;
  learner.set_training(true);
  learner.reset(std::uint64_t{});
} && Stateful<T>;

/// A learner that computes its gradients itself, without autograd.
template <class T>
concept ComputesGradients = requires(T& learner, const Batch& batch) {
  { learner.loss_and_gradients(batch) } -> std::same_as<torch::Tensor>;
};

/// A learner of members that never learn from some samples each: those with a weight of 0 in `Batch::weights`,
/// [n, members].
template <class T>
concept LeavesSamplesOut = requires(T& learner, const T& c, const Batch& batch) {
  { c.has_out_of_bag() } -> std::same_as<bool>;
  { learner.out_of_bag_step(batch) } -> std::same_as<torch::Tensor>;
};

/// \name Capabilities: what a strategy may ask of a learner beyond `predict`
/// Each takes a batch of inputs (physical units, CPU) and is const.
/// @{

/// `variance(inputs)` gives the predictive variance of every target, in squared physical units, shaped as `predict`.
template <class T>
concept ProvidesVariance = requires(const T& c, const Values& inputs) {
  { c.variance(inputs) } -> std::same_as<Values>;
};

/// `embeddings(inputs)` gives [n, d]: the representation before the last layer.
template <class T>
concept ProvidesEmbeddings = requires(const T& c, const Values& inputs) {
  { c.embeddings(inputs) } -> std::same_as<torch::Tensor>;
};

/// `posterior_draws(inputs, draws, seed)` gives [draws, n, k]: standardised outputs (each times the root of what its
/// component counts, where they count differently), or class probabilities; draw i is one function, the same for all
/// inputs and calls with equal `seed`.
template <class T>
concept ProvidesPosteriorDraws = requires(const T& c, const Values& inputs) {
  { c.posterior_draws(inputs, std::int64_t{}, std::uint64_t{}) } -> std::same_as<torch::Tensor>;
};

/// `class_probabilities(inputs)` gives [n, classes], rows summing to one.
template <class T>
concept ProvidesClassProbabilities = requires(const T& c, const Values& inputs) {
  { c.class_probabilities(inputs) } -> std::same_as<torch::Tensor>;
};

/// `gradient_features(inputs, options)` gives [n, d]: features whose inner products are (about) those of the gradients
/// of the outputs with respect to the parameters; `gradients.hpp` makes them of a network's linear layers. Calls with
/// equal options give features that fit together. A learner with features of its own may leave the options aside.
template <class T>
concept ProvidesGradientFeatures = requires(const T& c, const Values& inputs, const GradientOptions& options) {
  { c.gradient_features(inputs, options) } -> std::same_as<torch::Tensor>;
};
/// @}

}  // namespace assay
