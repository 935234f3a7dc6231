// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/learner.hpp>
#include <assay/learner/capability.hpp>
#include <assay/learner/input_columns.hpp>
#include <assay/learner/learner_targets.hpp>
#include <assay/learner/losses.hpp>
#include <assay/learner/recorded_linear.hpp>
#include <assay/learner/scaler.hpp>
#include <assay/learner/target_rule.hpp>
#include <assay/options.hpp>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>

namespace assay {

struct ModuleLearnerOptions {
  LearnerInputs inputs = {};
  LearnerTargets targets = {};
  std::int64_t classes = 0;
  bool standardise = true;
  std::string module = "";
  bool one_hot = false;
  bool refit_scaling = false;

  static constexpr std::array describe{
      OptionInfo{.name = "inputs", .help = "fields it reads, of any shape, and their forms", .required = true},
      OptionInfo{.name = "targets", .help = "fields it predicts, of any shape, and what they count", .required = true},
      OptionInfo{
          .name = "classes", .help = "0 for regression; else the one target holds class ids below this", .min = 0},
      OptionInfo{.name = "standardise",
                 .help = "scale inputs and regression targets to mean 0 and deviation 1 over the labeled pool"},
      OptionInfo{.name = "module", .help = "name under which the program registered the module and its loss"},
      OptionInfo{.name = "one_hot", .help = "a category is a column for each of its values, not its index"},
      OptionInfo{.name = "refit_scaling", .help = "also while fine-tuning: the module's function changes with it"},
  };
};

/// A module of your own with its forward call and its loss.
struct AnyModule {
  /// `(output [n, k], target, weights)` to a 0-dimensional loss; `weights` may be undefined.
  /// Shapes: `target` [n, k] in a regression, [n, 1] int64 class ids in a classification.
  using Loss = std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&, const torch::Tensor&)>;

  std::shared_ptr<torch::nn::Module> module;
  std::function<torch::Tensor(const torch::Tensor&)> forward;
  Loss loss;
  /// Makes the module once more, with the same layers; may be empty.
  std::function<std::shared_ptr<torch::nn::Module>()> make = {};
  /// Draws the module's own parameters from LibTorch's default generator; may be empty.
  std::function<void()> reset_parameters = {};
};

/// Learns with any `torch::nn::Module` whose `forward` takes [n, inputs] and gives [n, outputs], and a loss.
///
/// Inputs and targets are the fields flattened side by side; inputs with a log scale as their logarithms, categories as
/// their indices, or with `one_hot`, which changes how many columns the module gets, as a column for each value. In a
/// regression there is an output for every target
/// component. With `classes` the one target holds class ids, and the outputs are a logit for every class, or of two
/// classes one logit, that of class 1: `cross_entropy_loss` takes both. Predictions are made in evaluation mode.
/// While fine-tuning, the standardisation of the first training is kept, since a module cannot be rescaled from
/// outside, or refitted with `refit_scaling`, where the labels outgrow it: the module then starts from another
/// function. Target components that are constant in all labels so far are predicted as that value. What fields count
/// (`LearnerTargets`) holds for metrics and choices; the loss is yours.
///
/// `reset` is a function of the seed, whatever the module is made of. With a function that makes the module
/// (registered under a name, or given in place of the module) the parameters are those it makes when LibTorch's
/// generator starts from the seed. Without one,
///  1. buffers go back to what they came with;
///  2. layers of LibTorch draw with their `reset_parameters`;
///  3. other parameters whose elements are all equal keep the values they came with (a scale of ones, a bias of zeros),
///     all others are drawn uniformly in ±1/√(elements / size of the first dimension), vectors in ±1/√elements;
///  4. the module's own `reset_parameters` is called, if it has that member.
///
///     ModuleLearner learner(Net(), {.inputs = {"camber"}, .targets = {"drag"}}, mse_loss);
///     ModuleLearner learner([] { return Net(64); }, {.inputs = {"camber"}, .targets = {"drag"}}, mse_loss);
class ModuleLearner {
 public:
  static constexpr std::string_view key = "module";
  static constexpr std::string_view summary = "any torch::nn::Module with a loss, registered under a name";

  ModuleLearner(AnyModule module, ModuleLearnerOptions options);
  template <class Net>
    requires std::is_base_of_v<torch::nn::Module, Net>
  ModuleLearner(std::shared_ptr<Net> net, ModuleLearnerOptions options, AnyModule::Loss loss)
      : ModuleLearner(any_module(std::move(net), std::move(loss)), std::move(options)) {}
  template <class Net>
  ModuleLearner(torch::nn::ModuleHolder<Net> net, ModuleLearnerOptions options, AnyModule::Loss loss)
      : ModuleLearner(net.ptr(), std::move(options), std::move(loss)) {}
  /// \param make gives the module, a new one at every call.
  template <class Make>
    requires(!std::is_base_of_v<torch::detail::ModuleHolderIndicator, Make> && std::is_invocable_v<Make&>)
  ModuleLearner(Make make, ModuleLearnerOptions options, AnyModule::Loss loss)
      : ModuleLearner(made_by(std::move(make), std::move(loss)), std::move(options)) {}

  const std::vector<std::string>& inputs() const noexcept { return inputs_.names(); }
  const std::vector<std::string>& targets() const noexcept { return targets_.names(); }
  std::vector<TargetRule> target_rules() const;
  void count_components() { counts_components_ = true; }
  torch::Tensor input_columns(const Values& batch) const { return inputs_.unchecked(batch); }
  std::vector<torch::Tensor> parameters() const { return module_.module->parameters(); }
  std::vector<torch::Tensor> buffers() const { return module_.module->buffers(); }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const;
  torch::Tensor training_step(const Batch& batch);
  /// Errors: `ShapeError` for a module whose output has another number of columns than is stated above.
  Values predict(const Values& inputs) const;
  /// [n, classes], rows summing to one. Errors: `ConfigError` for a regression.
  torch::Tensor class_probabilities(const Values& inputs) const;
  /// \name For modules with `RecordedLinear` layers
  /// @{
  /// What the last of them is given.
  torch::Tensor embeddings(const Values& inputs) const;
  /// Of the gradients with respect to their parameters. Each sample's output must depend on its own inputs alone.
  torch::Tensor gradient_features(const Values& inputs, const GradientOptions& options = {}) const;
  /// @}
  CapabilitySet capabilities() const;
  void set_training(bool training) { module_.module->train(training); }
  void reset(std::uint64_t seed);
  void to(torch::Device device, torch::Dtype dtype);
  void fit_scaling(const Values& samples, bool keep_function);
  State save() const;
  void load(const State& state);

  ModuleLearnerOptions options;

 private:
  template <class Net>
  static AnyModule any_module(std::shared_ptr<Net> net, AnyModule::Loss loss) {
    AnyModule any{net, [net = net.get()](const torch::Tensor& x) { return net->forward(x); }, std::move(loss)};
    if constexpr (requires { net->reset_parameters(); }) {
      any.reset_parameters = [net = net.get()] { net->reset_parameters(); };
    }
    return any;
  }
  template <class Net>
  static std::shared_ptr<Net> pointer_to(std::shared_ptr<Net> net) {
    return net;
  }
  template <class Net>
  static std::shared_ptr<Net> pointer_to(torch::nn::ModuleHolder<Net> net) {
    return net.ptr();
  }
  template <class Make>
  static AnyModule made_by(Make make, AnyModule::Loss loss) {
    AnyModule any = any_module(pointer_to(make()), std::move(loss));
    any.make = [make = std::move(make)]() mutable { return pointer_to(make()); };
    return any;
  }

  bool classifies() const noexcept { return options.classes > 0; }
  torch::Tensor standardised_inputs(const Values& batch) const;
  detail::Recording record(const Values& inputs, Capability wanted) const;
  torch::Tensor outputs(const Values& inputs) const;
  /// What the columns of a regression count in its gradients.
  torch::Tensor column_weights() const;

  AnyModule module_;
  Values given_;  // parameters and buffers as the module came
  InputColumns inputs_;
  Fields targets_;
  Standardizer x_;
  Standardizer y_;
  bool counts_components_ = false;
  torch::Device device_ = torch::kCPU;
  torch::Dtype dtype_ = torch::kFloat32;
};

}  // namespace assay
