// SPDX-License-Identifier: Apache-2.0
#include "class_ids.hpp"
#include "placement.hpp"
#include "target_columns.hpp"

#include <assay/detail/generator_scope.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/any/learner_interface.hpp>
#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/learner/recorded_linear.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/instancenorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>

#include <cmath>
#include <optional>
#include <sstream>
#include <utility>

namespace assay {

namespace {

namespace nn = torch::nn;

/// Draws a layer's own parameters anew if it is one of `Layers`.
template <class... Layers>
bool reset_if(nn::Module& module) {
  const auto one = [&]<class Layer>(Layer*) {
    auto* layer = dynamic_cast<Layer*>(&module);
    if (layer) layer->reset_parameters();
    return layer != nullptr;
  };
  return (one(static_cast<Layers*>(nullptr)) || ...);
}

bool reset_layer(nn::Module& module) {
  return reset_if<nn::LinearImpl, nn::BilinearImpl, nn::Conv1dImpl, nn::Conv2dImpl, nn::Conv3dImpl,
                  nn::ConvTranspose1dImpl, nn::ConvTranspose2dImpl, nn::ConvTranspose3dImpl, nn::RNNImpl, nn::LSTMImpl,
                  nn::GRUImpl, nn::RNNCellImpl, nn::LSTMCellImpl, nn::GRUCellImpl, nn::EmbeddingImpl,
                  nn::EmbeddingBagImpl, nn::LayerNormImpl, nn::GroupNormImpl, nn::BatchNorm1dImpl, nn::BatchNorm2dImpl,
                  nn::BatchNorm3dImpl, nn::InstanceNorm1dImpl, nn::InstanceNorm2dImpl, nn::InstanceNorm3dImpl>(module);
}

/// Draws a parameter that no layer knows how to draw, unless all its elements are equal.
void draw_generically(const torch::Tensor& parameter) {
  if (parameter.numel() < 2 || !parameter.is_floating_point()) return;
  if (parameter.eq(parameter.flatten()[0]).all().item<bool>()) return;
  const std::int64_t fan_in = parameter.dim() > 1 ? parameter.numel() / parameter.size(0) : parameter.numel();
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  parameter.detach().uniform_(-bound, bound);
}

Values tensors_of(const nn::Module& module) {
  Values tensors;
  const auto copy = [](const torch::Tensor& tensor) {
    return tensor.detach().to(torch::kCPU, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
  };
  for (const auto& item : module.named_parameters()) tensors.set("parameter/" + item.key(), copy(item.value()));
  for (const auto& item : module.named_buffers()) tensors.set("buffer/" + item.key(), copy(item.value()));
  return tensors;
}

void put_back(nn::Module& module, const Values& tensors) {
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

std::optional<torch::Dtype> floating_dtype(const Values& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with("parameter/") && tensor.is_floating_point()) return tensor.scalar_type();
  }
  return std::nullopt;
}

/// Moves a module. `Module::to` casts whole numbers as well: those keep their dtype here, or counters and indices held
/// as buffers would become floats.
void move(nn::Module& module, torch::Device device, torch::Dtype dtype) {
  std::vector<std::pair<std::string, torch::Tensor>> whole;
  for (const auto& item : module.named_buffers()) {
    if (!item.value().is_floating_point()) whole.emplace_back(item.key(), item.value().detach().clone());
  }
  module.to(device, dtype);
  const auto buffers = module.named_buffers();
  for (const auto& [name, numbers] : whole) torch::Tensor(buffers[name]).set_data(numbers.to(device));
}

LearnerInputs without_categories(const LearnerInputs& inputs) {
  std::vector<LearnerInput> plain(inputs.begin(), inputs.end());
  for (LearnerInput& input : plain) input.categories.clear();
  return plain;
}

/// Evaluation mode for as long as it lives.
class EvaluationScope {
 public:
  explicit EvaluationScope(nn::Module& module) : module_(module), training_(module.is_training()) {
    if (training_) module_.eval();
  }
  EvaluationScope(const EvaluationScope&) = delete;
  EvaluationScope& operator=(const EvaluationScope&) = delete;
  ~EvaluationScope() {
    if (training_) module_.train();
  }

 private:
  nn::Module& module_;
  bool training_;
};

}  // namespace

ModuleLearner::ModuleLearner(AnyModule module, ModuleLearnerOptions options_)
    : options(std::move(options_)),
      module_(std::move(module)),
      inputs_(options.one_hot ? options.inputs : without_categories(options.inputs)),
      targets_("targets", options.targets.names()) {
  require_valid(options, key);
  if (!module_.module || !module_.forward || !module_.loss) {
    throw ConfigError(
        {"assay.learner.module", "learner", "a module with a forward call and a loss", "an empty one", ""});
  }
  if (classifies()) detail::require_classifiable(options.classes, targets());
  module_.module->eval();
  given_ = tensors_of(*module_.module);
  for (const torch::Tensor& parameter : parameters()) {
    if (!parameter.is_floating_point()) continue;
    device_ = parameter.device();
    dtype_ = parameter.scalar_type();
    break;
  }
}

std::vector<TargetRule> ModuleLearner::target_rules() const {
  return detail::target_rules(options.targets, options.classes, counts_components_);
}

CapabilitySet ModuleLearner::capabilities() const {
  CapabilitySet set;
  if (classifies()) set = set | Capability::class_probabilities;
  if (detail::has_recorded_layers(*module_.module)) {
    set = set | Capability::embeddings | Capability::gradient_features;
  }
  return set;
}

detail::Recording ModuleLearner::record(const Values& inputs, Capability wanted) const {
  const EvaluationScope evaluation(*module_.module);
  detail::Recording recorded = detail::record([&] { return module_.forward(standardised_inputs(inputs)); });
  if (recorded.results.empty()) detail::throw_missing_capability(wanted);
  return recorded;
}

torch::Tensor ModuleLearner::column_weights() const {
  return classifies() || !y_.scale.defined() ? torch::Tensor() : detail::column_weights(target_rules(), targets_, y_);
}

torch::Tensor ModuleLearner::embeddings(const Values& inputs) const {
  const detail::Recording recorded = record(inputs, Capability::embeddings);
  return recorded.inputs.back().to(torch::kCPU, torch::kFloat64);
}

torch::Tensor ModuleLearner::gradient_features(const Values& inputs, const GradientOptions& gradients) const {
  const detail::Recording recorded = record(inputs, Capability::gradient_features);
  const LayerGradients layers = detail::layer_gradients(recorded, gradients, column_weights());
  const at::NoGradGuard no_grad;
  return assay::gradient_features(layers, gradients).cpu();
}

torch::Tensor ModuleLearner::standardised_inputs(const Values& batch) const {
  return x_.apply(inputs_.of(batch)).to(device_, dtype_);
}

Batch ModuleLearner::pack(const Values& samples, std::span<const SampleId>) const {
  Batch batch;
  batch.inputs.push_back(standardised_inputs(samples));
  if (classifies()) {
    const torch::Tensor ids = detail::class_ids(targets_.flatten(samples), options.classes, targets().front());
    batch.targets.push_back(ids.unsqueeze(1).to(device_, torch::kInt64));
  } else {
    batch.targets.push_back(y_.apply(targets_.flatten(samples)).to(device_, dtype_));
  }
  return batch;
}

torch::Tensor ModuleLearner::training_step(const Batch& batch) {
  return module_.loss(module_.forward(batch.inputs.front()), batch.targets.front(), batch.weights);
}

torch::Tensor ModuleLearner::outputs(const Values& inputs) const {
  const at::NoGradGuard no_grad;
  const EvaluationScope evaluation(*module_.module);
  torch::Tensor out = module_.forward(standardised_inputs(inputs)).to(torch::kCPU, torch::kFloat64);
  if (out.dim() == 1) out = out.unsqueeze(1);
  const std::int64_t width = classifies() ? options.classes : targets_.width();
  const bool one_logit = options.classes == 2 && out.dim() == 2 && out.size(1) == 1;
  if (one_logit || (out.dim() == 2 && out.size(1) == width)) return out;
  std::ostringstream got;
  got << out.sizes();
  throw ShapeError(
      {"assay.learner.output", "module",
       "an output of shape [n, " + std::to_string(width) + "]" + (options.classes == 2 ? " or [n, 1]" : ""), got.str(),
       classifies() ? "make 'forward' give one logit for every class"
                    : "make 'forward' give one column for every target component; if the columns are "
                      "the logits of class ids, set 'classes'"});
}

torch::Tensor ModuleLearner::class_probabilities(const Values& inputs) const {
  if (!classifies()) {
    throw ConfigError({"assay.learner.capability", "learner", "a classification ('classes' >= 2)", "a regression", ""});
  }
  const torch::Tensor logits = outputs(inputs);
  if (logits.size(1) > 1) return at::softmax(logits, 1);
  const torch::Tensor one = at::sigmoid(logits.squeeze(1));
  return at::stack({1 - one, one}, 1);
}

Values ModuleLearner::predict(const Values& inputs) const {
  if (!classifies()) return targets_.unflatten(y_.invert(outputs(inputs)));
  // argmax takes the first of equal probabilities: with one logit, class 1 where its sigmoid is above a half.
  return targets_.unflatten(class_probabilities(inputs).argmax(1).unsqueeze(1));
}

void ModuleLearner::reset(std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  nn::Module& module = *module_.module;
  const torch::Device device = device_;
  move(module, torch::kCPU, dtype_);  // so that every device starts from the same numbers
  detail::GeneratorScope generator(torch::kCPU);
  generator.seed(seed);
  if (module_.make) {
    put_back(module, tensors_of(*module_.make()));
  } else {
    put_back(module, given_);
    for (const auto& part : module.modules()) {
      if (reset_layer(*part)) continue;
      for (const torch::Tensor& parameter : part->parameters(/*recurse=*/false)) draw_generically(parameter);
    }
    if (module_.reset_parameters) module_.reset_parameters();  // last: it may draw its layers in its own way
  }
  move(module, device, dtype_);
}

void ModuleLearner::to(torch::Device device, torch::Dtype dtype) {
  device_ = device;
  dtype_ = dtype;
  move(*module_.module, device, dtype);
}

void ModuleLearner::fit_scaling(const Values& samples, bool keep_function) {
  if (!classifies()) detail::require_no_class_ids(samples, targets());
  inputs_.learn(samples);
  targets_.learn(samples);
  const Standardizer y = options.standardise && !classifies() ? detail::fit_targets(targets_, samples)
                                                              : Standardizer::identity(targets_.width());
  if (keep_function && x_.mean.defined() && !options.refit_scaling) {
    // The others keep theirs; what was constant so far has none yet.
    const torch::Tensor began = (y_.scale == 0).logical_and(y.scale > 0);
    y_ = {at::where(began, y.mean, y_.mean), at::where(began, y.scale, y_.scale)};
    return;
  }
  x_ = options.standardise ? Standardizer::fit(inputs_.of(samples)) : Standardizer::identity(inputs_.width());
  y_ = y;
}

State ModuleLearner::save() const {
  State state{.json = {{"inputs", inputs_.to_json()}, {"targets", targets_.to_json()}, {"device", device_.str()}},
              .tensors = tensors_of(*module_.module)};
  if (!x_.mean.defined()) return state;
  x_.save(state.tensors, "inputs");
  y_.save(state.tensors, "targets");
  if (Json constant = detail::constant_so_far(targets_, y_); !constant.empty())
    state.json["constant_so_far"] = std::move(constant);
  return state;
}

void ModuleLearner::load(const State& state) {
  detail::restoring("learner", [&] {
    InputColumns inputs = inputs_;
    Fields targets = targets_;
    inputs.load(state.json.at("inputs"));
    targets.load(state.json.at("targets"));
    if (targets.known() && classifies()) detail::require_one_id(targets.width(), targets_.names().front());
    Standardizer x, y;
    if (inputs.known()) {
      x = Standardizer::load(state.tensors, "inputs", inputs.width());
      y = Standardizer::load(state.tensors, "targets", targets.width());
    }
    to(detail::saved_device(state), floating_dtype(state.tensors).value_or(dtype_));
    put_back(*module_.module, state.tensors);
    module_.module->eval();
    inputs_ = std::move(inputs);
    targets_ = std::move(targets);
    if (!inputs_.known()) return;
    x_ = std::move(x);
    y_ = std::move(y);
  });
}

}  // namespace assay
