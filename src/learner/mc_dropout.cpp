// SPDX-License-Identifier: Apache-2.0
#include <assay/data/random.hpp>
#include <assay/detail/generator_scope.hpp>
#include <assay/learner/mc_dropout.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

namespace assay {

namespace {

constexpr std::uint64_t own_draws = 0;  // of variance and probabilities: the same functions at every call

detail::DenseLearnerOptions core(const McDropoutOptions& options) {
  require_valid(options, McDropout::key);
  return {.inputs = options.inputs,
          .targets = options.targets,
          .hidden = options.hidden,
          .activation = options.activation,
          .classes = options.classes};
}

}  // namespace

McDropout::McDropout(McDropoutOptions options_) : DenseLearner(core(options_)), options(std::move(options_)) {}

torch::Tensor McDropout::forward(const torch::Tensor& x, const Mask& mask) const {
  const std::vector<torch::Tensor> parameters = this->parameters();
  torch::Tensor hidden = x;
  for (std::size_t i = 0; i + 2 < parameters.size(); i += 2) {
    hidden = mask(detail::activate(activation(), at::addmm(parameters[i + 1], hidden, parameters[i])),
                  static_cast<std::int64_t>(i / 2));
  }
  return at::addmm(parameters.back(), hidden, parameters[parameters.size() - 2]);
}

torch::Tensor McDropout::training_step(const Batch& batch) {
  const torch::Tensor out = forward(batch.inputs.front(), [&](const torch::Tensor& hidden, std::int64_t) {
    return at::dropout(hidden, options.dropout, /*train=*/true);
  });
  return losses(out, batch).sum();
}

torch::Tensor McDropout::drawn_outputs(const Values& inputs, std::int64_t draws, std::uint64_t seed) const {
  const at::NoGradGuard no_grad;
  const torch::Tensor x = standardised_inputs(inputs);
  std::vector<torch::Tensor> drawn;
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    drawn.push_back(forward(x, [&](const torch::Tensor& hidden, std::int64_t layer) {
                      const RandomKey key = RandomKey(seed).with(draw).with(layer);
                      const torch::Tensor kept = at::empty({hidden.size(1)}, torch::kFloat64)
                                                     .bernoulli_(1 - options.dropout,
                                                                 detail::make_generator(key.bits()));
                      return hidden * (kept / (1 - options.dropout)).to(hidden.options());
                    }).to(torch::kCPU, torch::kFloat64));
  }
  return at::stack(drawn);
}

torch::Tensor McDropout::posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const {
  const torch::Tensor all = drawn_outputs(inputs, draws, seed);
  return classifies() ? probabilities(all) : weighted(all);
}

torch::Tensor McDropout::class_probabilities(const Values& inputs) const {
  if (!classifies()) return DenseLearner::class_probabilities(inputs);  // throws
  return posterior_draws(inputs, options.draws, own_draws).mean(0);
}

Values McDropout::variance(const Values& inputs) const {
  return in_squared_units(drawn_outputs(inputs, options.draws, own_draws).var(0, /*unbiased=*/true));
}

CapabilitySet McDropout::capabilities() const {
  const CapabilitySet set = CapabilitySet(Capability::embeddings) | Capability::posterior_draws |
                            Capability::gradient_features;
  return set | (classifies() ? Capability::class_probabilities : Capability::variance);
}

}  // namespace assay
