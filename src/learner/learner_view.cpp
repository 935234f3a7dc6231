// SPDX-License-Identifier: Apache-2.0
#include "../detail/listed.hpp"

#include <assay/any/any_learner.hpp>
#include <assay/error.hpp>
#include <assay/learner/batch.hpp>
#include <assay/learner/learner_view.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <functional>

namespace assay {

namespace detail {

/// The learner behind a view, for the members that capability tags give it.
struct LearnerAccess {
  static const LearnerInterface* of(const LearnerView& view) noexcept { return view.learner_.operator->(); }
};

}  // namespace detail

namespace {

constexpr std::int64_t viewed_rows = 8192;

constexpr std::pair<Capability, const char*> names[] = {{Capability::variance, "variance"},
                                                        {Capability::embeddings, "embeddings"},
                                                        {Capability::posterior_draws, "posterior_draws"},
                                                        {Capability::class_probabilities, "class_probabilities"},
                                                        {Capability::gradient_features, "gradient_features"}};

const detail::LearnerInterface* ask(const LearnerView& learner) { return detail::LearnerAccess::of(learner); }

Values inputs_of(const LearnerView& learner, const PoolView& pool, std::int64_t first) {
  return pool.slice(first, std::min(viewed_rows, pool.size() - first)).pick(learner.inputs());
}

Values by_blocks(const LearnerView& learner, const PoolView& pool, const std::function<Values(const Values&)>& ask) {
  std::vector<Values> blocks;
  for (std::int64_t first = 0; first < pool.size() || blocks.empty(); first += viewed_rows) {
    blocks.push_back(ask(inputs_of(learner, pool, first)));
  }
  return concatenate(blocks);
}

torch::Tensor by_blocks(const LearnerView& learner, const PoolView& pool, std::int64_t dimension,
                        const std::function<torch::Tensor(const Values&)>& ask) {
  std::vector<torch::Tensor> blocks;
  for (std::int64_t first = 0; first < pool.size() || blocks.empty(); first += viewed_rows) {
    blocks.push_back(ask(inputs_of(learner, pool, first)).to(torch::kCPU));
  }
  return blocks.size() == 1 ? blocks.front() : at::cat(blocks, dimension);
}

template <class Visit>
Batch map(const Batch& batch, Visit visit) {
  Batch mapped;
  for (const torch::Tensor& tensor : batch.inputs) mapped.inputs.push_back(visit(tensor));
  for (const torch::Tensor& tensor : batch.targets) mapped.targets.push_back(visit(tensor));
  if (batch.weights.defined()) mapped.weights = visit(batch.weights);
  return mapped;
}

}  // namespace

std::string describe(CapabilitySet set) {
  std::string text;
  for (const auto& [capability, name] : names) {
    if (set.has(capability)) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text.empty() ? "none" : text;
}

Batch Batch::rows(const torch::Tensor& index) const {
  return map(*this, [&](const torch::Tensor& tensor) { return at::index_select(tensor, 0, index); });
}

Batch Batch::slice(std::int64_t first, std::int64_t count) const {
  return map(*this, [&](const torch::Tensor& tensor) { return tensor.narrow(0, first, count); });
}

LearnerView::LearnerView(LearnerRef learner, Values target_variance)
    : learner_(std::move(learner)), target_variance_(std::make_shared<const Values>(std::move(target_variance))) {}

Values LearnerView::predict(const PoolView& pool) const {
  return by_blocks(*this, pool, [&](const Values& inputs) { return learner_->predict(inputs); });
}

torch::Tensor LearnerView::input_columns(const PoolView& pool) const {
  Values inputs;
  for (const std::string& name : this->inputs()) inputs.set(name, pool.value(name));
  return input_columns(inputs);
}

double LearnerView::component_weight(const std::string& target, std::int64_t components) const {
  return assay::component_weight(learner_->target_rules(), target, components);
}

namespace detail {

torch::Tensor side_by_side(const Values& batch, const std::vector<std::string>& names) {
  std::vector<torch::Tensor> columns;
  for (const std::string& name : names) {
    const torch::Tensor& values = batch.at(name);
    columns.push_back(values.reshape({values.size(0), -1}).to(torch::kFloat64));
  }
  return at::cat(columns, 1);
}

std::vector<TargetRule> counting_components(std::vector<TargetRule> rules, const std::vector<std::string>& targets) {
  for (const std::string& target : targets) {
    if (std::none_of(rules.begin(), rules.end(), [&](const TargetRule& rule) { return rule.target == target; }))
      rules.push_back({.target = target});
  }
  for (TargetRule& rule : rules) rule.weight.reset();
  return rules;
}

void throw_missing_capability(Capability capability) {
  throw ConfigError({.id = "assay.learner.capability",
                     .where = "learner",
                     .expected = "one that provides " + describe(CapabilitySet(capability)),
                     .got = "one that does not",
                     .advice = {}});
}

void throw_no_own_gradients() {
  throw TrainingError({.id = "assay.training.gradients",
                       .where = "learner",
                       .expected = "one with 'loss_and_gradients(batch)'",
                       .got = "one that leaves gradients to autograd",
                       .advice = "call 'training_step(batch).backward()'"});
}

void throw_no_out_of_bag() {
  throw ConfigError({.id = "assay.training.out_of_bag",
                     .where = "loop/early_stopping/watch",
                     .expected = "an ensemble with 'bootstrap', whose members leave samples out",
                     .got = "a learner that trains on every sample",
                     .advice = "use watch \"holdout\" or the loop \"k_fold\", or give a validation pool"});
}

void require_cpu_only(torch::Device device) {
  if (device.is_cpu()) return;
  throw ConfigError({.id = "assay.training.device",
                     .where = "learner",
                     .expected = "a learner with 'to(device, dtype)' for device " + device.str(),
                     .got = "one that stays on the CPU",
                     .advice = "use device \"cpu\", or give the learner this member"});
}

Values variances(const LearnerView& learner, const PoolView& pool) {
  return by_blocks(learner, pool, [&](const Values& inputs) { return ask(learner)->variance(inputs); });
}

torch::Tensor scaled_variance(const LearnerView& learner, const PoolView& pool,
                              const std::vector<std::string>& targets) {
  const std::vector<std::string> known = learner.targets();
  for (const std::string& target : targets) {
    if (std::find(known.begin(), known.end(), target) != known.end()) continue;
    throw ConfigError({.id = "assay.learner.target",
                       .where = "variance",
                       .expected = "one of the learner's targets: " + listed(known),
                       .got = target,
                       .advice = {}});
  }
  if (pool.empty()) return at::empty({0}, torch::kFloat64);
  return by_blocks(learner, pool, 0, [&](const Values& inputs) {
    std::vector<torch::Tensor> columns;
    std::vector<double> weights;
    const Values variance = ask(learner)->variance(inputs);
    for (const auto& [name, values] : variance) {
      if (!targets.empty() && std::find(targets.begin(), targets.end(), name) == targets.end()) continue;
      const torch::Tensor* scale = learner.target_variance().find(name);
      const torch::Tensor scaled = scale ? values / *scale : values;
      columns.push_back(scaled.reshape({scaled.size(0), -1}).to(torch::kFloat64));
      const std::int64_t components = columns.back().size(1);
      weights.insert(weights.end(), static_cast<std::size_t>(components), learner.component_weight(name, components));
    }
    return weighted_mean(at::cat(columns, 1), weights);
  });
}

torch::Tensor embeddings(const LearnerView& learner, const PoolView& pool) {
  return by_blocks(learner, pool, 0, [&](const Values& inputs) { return ask(learner)->embeddings(inputs); });
}

torch::Tensor posterior_draws(const LearnerView& learner, const PoolView& pool, std::int64_t draws,
                              std::uint64_t seed) {
  return by_blocks(learner, pool, 1,
                   [&](const Values& inputs) { return ask(learner)->posterior_draws(inputs, draws, seed); });
}

torch::Tensor class_probabilities(const LearnerView& learner, const PoolView& pool) {
  return by_blocks(learner, pool, 0, [&](const Values& inputs) { return ask(learner)->class_probabilities(inputs); });
}

torch::Tensor gradient_features(const LearnerView& learner, const PoolView& pool, const GradientOptions& options) {
  return by_blocks(learner, pool, 0,
                   [&](const Values& inputs) { return ask(learner)->gradient_features(inputs, options); });
}

}  // namespace detail

}  // namespace assay
