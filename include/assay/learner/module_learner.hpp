// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/learner.hpp>
#include <assay/learner/fields.hpp>
#include <assay/learner/losses.hpp>
#include <assay/learner/scaler.hpp>
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
  std::vector<std::string> inputs = {};
  std::vector<std::string> targets = {};
  bool standardise = true;
  std::string module = "";

  static constexpr std::array describe{
      OptionInfo{.name = "inputs", .help = "fields it reads, of any shape", .required = true},
      OptionInfo{.name = "targets", .help = "fields it predicts, of any shape", .required = true},
      OptionInfo{.name = "standardise",
                 .help = "scale inputs and targets to mean 0 and deviation 1 over the labeled pool"},
      OptionInfo{.name = "module", .help = "name under which the program registered the module and its loss"},
  };
};

/// A module of your own with its forward call and its loss.
struct AnyModule {
  /// `(output [n, k], target [n, k], weights)` to a 0-dimensional loss; `weights` may be undefined.
  using Loss = std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&, const torch::Tensor&)>;

  std::shared_ptr<torch::nn::Module> module;
  std::function<torch::Tensor(const torch::Tensor&)> forward;
  Loss loss;
};

/// Learns with any `torch::nn::Module` whose `forward` takes [n, inputs] and gives [n, targets], and a loss.
///
/// Inputs and targets are the fields flattened side by side. While fine-tuning, the standardisation of the first
/// training is kept: a module cannot be rescaled from outside.
/// `reset` draws the parameters of LibTorch's linear, convolutional, embedding and normalisation layers anew;
/// parameters that a module holds itself go back to the values they were given with.
///
///     ModuleLearner learner(Net(), {.inputs = {"camber"}, .targets = {"drag"}}, mse_loss);
class ModuleLearner {
 public:
  static constexpr std::string_view key = "module";
  static constexpr std::string_view summary = "any torch::nn::Module with a loss, registered under a name";

  ModuleLearner(AnyModule module, ModuleLearnerOptions options);
  template <class Net>
    requires std::is_base_of_v<torch::nn::Module, Net>
  ModuleLearner(std::shared_ptr<Net> net, ModuleLearnerOptions options, AnyModule::Loss loss)
      : ModuleLearner(
            AnyModule{net, [net = net.get()](const torch::Tensor& x) { return net->forward(x); }, std::move(loss)},
            std::move(options)) {}
  template <class Net>
  ModuleLearner(torch::nn::ModuleHolder<Net> net, ModuleLearnerOptions options, AnyModule::Loss loss)
      : ModuleLearner(net.ptr(), std::move(options), std::move(loss)) {}

  const std::vector<std::string>& inputs() const noexcept { return inputs_.names(); }
  const std::vector<std::string>& targets() const noexcept { return targets_.names(); }
  std::vector<torch::Tensor> parameters() const { return module_.module->parameters(); }
  std::vector<torch::Tensor> buffers() const { return module_.module->buffers(); }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const;
  torch::Tensor training_step(const Batch& batch);
  Values predict(const Values& inputs) const;
  void set_training(bool training) { module_.module->train(training); }
  void reset(std::uint64_t seed);
  void to(torch::Device device, torch::Dtype dtype);
  void fit_scaling(const Values& samples, bool keep_function);
  State save() const;
  void load(const State& state);

  ModuleLearnerOptions options;

 private:
  torch::Tensor standardised_inputs(const Values& batch) const;

  AnyModule module_;
  Values given_;  // parameters and buffers as the module came
  Fields inputs_;
  Fields targets_;
  Standardizer x_;
  Standardizer y_;
  torch::Device device_ = torch::kCPU;
  torch::Dtype dtype_ = torch::kFloat32;
};

}  // namespace assay
