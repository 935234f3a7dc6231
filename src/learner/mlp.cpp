// SPDX-License-Identifier: Apache-2.0
#include <assay/data/random.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>

#include <ATen/ops/tensor.h>

#include <numeric>

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

CapabilitySet Mlp::capabilities() const {
  const CapabilitySet set = CapabilitySet(Capability::embeddings) | Capability::gradient_features;
  if (predicts_variance()) return set | Capability::variance;
  return classifies() ? set | Capability::class_probabilities : set;
}

Ensemble::Ensemble(EnsembleOptions options_) : DenseLearner(core(options_)), options(std::move(options_)) {}

torch::Tensor Ensemble::posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const {
  std::vector<std::int64_t> members(static_cast<std::size_t>(options.members)), drawn;
  std::iota(members.begin(), members.end(), 0);
  for (std::int64_t i = 0; i < draws; ++i) {
    const std::int64_t turn = i % options.members;
    if (turn == 0) members = random_order(RandomKey(seed).with(i), members);
    drawn.push_back(members[static_cast<std::size_t>(turn)]);
  }
  const torch::Tensor all = classifies() ? member_probabilities(inputs) : weighted(outputs(inputs));
  return all.index_select(0, at::tensor(drawn, torch::kInt64));
}

CapabilitySet Ensemble::capabilities() const {
  const CapabilitySet set = CapabilitySet(Capability::embeddings) | Capability::posterior_draws |
                            Capability::gradient_features;
  return set | (classifies() ? Capability::class_probabilities : Capability::variance);
}

}  // namespace assay
