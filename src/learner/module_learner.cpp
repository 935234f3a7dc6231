// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/generator_scope.hpp>
#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

namespace assay {

namespace {

/// Draws a layer's parameters anew if it is a `Layer`.
template <class... Layers>
void reset_if(torch::nn::Module& module) {
  const auto one = [&]<class Layer>(Layer*) {
    if (auto* layer = dynamic_cast<Layer*>(&module)) layer->reset_parameters();
  };
  (one(static_cast<Layers*>(nullptr)), ...);
}

Values tensors_of(const torch::nn::Module& module) {
  Values tensors;
  const auto copy = [](const torch::Tensor& tensor) {
    return tensor.detach().to(torch::kCPU, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
  };
  for (const auto& item : module.named_parameters()) tensors.set("parameter/" + item.key(), copy(item.value()));
  for (const auto& item : module.named_buffers()) tensors.set("buffer/" + item.key(), copy(item.value()));
  return tensors;
}

void put_back(torch::nn::Module& module, const Values& tensors) {
  const at::NoGradGuard no_grad;
  const auto restore = [&](const torch::Tensor& target, const std::string& name) {
    const torch::Tensor* saved = tensors.find(name);
    if (!saved || saved->sizes() != target.sizes()) {
      throw CheckpointError({"assay.checkpoint.learner", "module, '" + name + "'", "a tensor of the module's shape",
                             saved ? "one of another shape" : "none", "load the state into the same module"});
    }
    target.detach().copy_(*saved);
  };
  for (const auto& item : module.named_parameters()) restore(item.value(), "parameter/" + item.key());
  for (const auto& item : module.named_buffers()) restore(item.value(), "buffer/" + item.key());
}

}  // namespace

ModuleLearner::ModuleLearner(AnyModule module, ModuleLearnerOptions options_)
    : options(std::move(options_)),
      module_(std::move(module)),
      inputs_("inputs", options.inputs),
      targets_("targets", options.targets) {
  if (!module_.module || !module_.forward || !module_.loss) {
    throw ConfigError(
        {"assay.learner.module", "learner", "a module with a forward call and a loss", "an empty one", ""});
  }
  given_ = tensors_of(*module_.module);
}

torch::Tensor ModuleLearner::standardised_inputs(const Values& batch) const {
  return x_.apply(inputs_.flatten(batch)).to(device_, dtype_);
}

Batch ModuleLearner::pack(const Values& samples, std::span<const SampleId>) const {
  Batch batch;
  batch.inputs.push_back(standardised_inputs(samples));
  const torch::Tensor target = y_.apply(targets_.flatten(samples));
  const bool ids = !samples.at(targets().front()).is_floating_point();
  batch.targets.push_back(target.to(device_, ids ? torch::kInt64 : dtype_));
  return batch;
}

torch::Tensor ModuleLearner::training_step(const Batch& batch) {
  return module_.loss(module_.forward(batch.inputs.front()), batch.targets.front(), batch.weights);
}

Values ModuleLearner::predict(const Values& inputs) const {
  const at::NoGradGuard no_grad;
  torch::Tensor out = module_.forward(standardised_inputs(inputs)).to(torch::kCPU, torch::kFloat64);
  if (out.dim() == 1) out = out.unsqueeze(1);
  if (out.dim() != 2 || out.size(1) != targets_.width()) {
    std::ostringstream got;
    got << out.sizes();
    throw ShapeError({"assay.learner.output", "module",
                      "an output of shape [n, " + std::to_string(targets_.width()) + "]", got.str(),
                      "make 'forward' give one column for every target component"});
  }
  return targets_.unflatten(y_.invert(out));
}

void ModuleLearner::reset(std::uint64_t seed) {
  namespace nn = torch::nn;
  put_back(*module_.module, given_);
  detail::GeneratorScope generator(torch::kCPU);
  generator.seed(seed);
  for (const auto& layer : module_.module->modules()) {
    reset_if<nn::LinearImpl, nn::BilinearImpl, nn::Conv1dImpl, nn::Conv2dImpl, nn::Conv3dImpl, nn::EmbeddingImpl,
             nn::LayerNormImpl>(*layer);
  }
}

void ModuleLearner::to(torch::Device device, torch::Dtype dtype) {
  device_ = device;
  dtype_ = dtype;
  module_.module->to(device, dtype);
}

void ModuleLearner::fit_scaling(const Values& samples, bool keep_function) {
  inputs_.learn(samples);
  targets_.learn(samples);
  if (keep_function && x_.mean.defined()) return;
  const bool classes = !samples.at(targets().front()).is_floating_point();
  x_ = options.standardise ? Standardizer::fit(inputs_.flatten(samples)) : Standardizer::identity(inputs_.width());
  y_ = options.standardise && !classes ? Standardizer::fit(targets_.flatten(samples))
                                       : Standardizer::identity(targets_.width());
}

State ModuleLearner::save() const {
  State state{.json = {{"inputs", inputs_.to_json()}, {"targets", targets_.to_json()}},
              .tensors = tensors_of(*module_.module)};
  if (!x_.mean.defined()) return state;
  state.tensors.set("inputs/mean", x_.mean).set("inputs/scale", x_.scale);
  state.tensors.set("targets/mean", y_.mean).set("targets/scale", y_.scale);
  return state;
}

void ModuleLearner::load(const State& state) {
  inputs_.load(state.json.at("inputs"));
  targets_.load(state.json.at("targets"));
  put_back(*module_.module, state.tensors);
  if (!state.tensors.contains("inputs/mean")) return;
  x_ = {state.tensors.at("inputs/mean"), state.tensors.at("inputs/scale")};
  y_ = {state.tensors.at("targets/mean"), state.tensors.at("targets/scale")};
}

}  // namespace assay
