// SPDX-License-Identifier: Apache-2.0
#include <assay/data/random.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

namespace assay {

namespace {

detail::DenseLearnerOptions core(const MlpOptions& options) {
  require_valid(options, Mlp::key);
  return {.inputs = options.inputs,
          .targets = options.targets,
          .hidden = options.hidden,
          .activation = options.activation,
          .classes = options.classes,
          .loss = options.loss};
}

detail::DenseLearnerOptions core(const EnsembleOptions& options) {
  require_valid(options, Ensemble::key);
  return {.inputs = options.inputs,
          .targets = options.targets,
          .hidden = options.hidden,
          .activation = options.activation,
          .classes = options.classes,
          .loss = options.loss,
          .members = options.members,
          .bootstrap = options.bootstrap};
}

}  // namespace

Mlp::Mlp(MlpOptions options_) : DenseLearner(core(options_)), options(std::move(options_)) {}

torch::Tensor Mlp::gradient_features(const Values& inputs) const {
  const torch::Tensor hidden = embeddings(inputs);
  return at::cat({hidden, at::ones({hidden.size(0), 1}, hidden.options())}, 1);
}

CapabilitySet Mlp::capabilities() const {
  const CapabilitySet set = CapabilitySet(Capability::embeddings) | Capability::gradient_features;
  if (predicts_variance()) return set | Capability::variance;
  return classifies() ? set | Capability::class_probabilities : set;
}

Ensemble::Ensemble(EnsembleOptions options_) : DenseLearner(core(options_)), options(std::move(options_)) {}

torch::Tensor Ensemble::posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const {
  std::vector<std::int64_t> members;
  const RandomKey key(seed);
  for (std::int64_t i = 0; i < draws; ++i) {
    members.push_back(static_cast<std::int64_t>(key.with(i).uniform() * static_cast<double>(options.members)));
  }
  const torch::Tensor all = classifies() ? member_probabilities(inputs) : outputs(inputs);
  return all.index_select(0, at::tensor(members, torch::kInt64));
}

CapabilitySet Ensemble::capabilities() const {
  const CapabilitySet set = CapabilitySet(Capability::embeddings) | Capability::posterior_draws;
  return set | (classifies() ? Capability::class_probabilities : Capability::variance);
}

}  // namespace assay
