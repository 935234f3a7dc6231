// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/torch_archive.hpp>
#include <assay/error.hpp>
#include <assay/registry.hpp>
#include <assay/training/optimizer.hpp>

#include <ATen/ops/zeros.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// The types that belong to an optimizer of `torch::optim`. Specialise it for one of your own that derives from
/// `torch::optim::Optimizer`.
template <class T>
struct TorchOptimizerTypes;

template <>
struct TorchOptimizerTypes<torch::optim::RMSprop> {
  using Options = torch::optim::RMSpropOptions;
  using ParamState = torch::optim::RMSpropParamState;
  static constexpr std::string_view key = "rmsprop";
};
template <>
struct TorchOptimizerTypes<torch::optim::Adagrad> {
  using Options = torch::optim::AdagradOptions;
  using ParamState = torch::optim::AdagradParamState;
  static constexpr std::string_view key = "adagrad";
};
template <>
struct TorchOptimizerTypes<torch::optim::SGD> {
  using Options = torch::optim::SGDOptions;
  using ParamState = torch::optim::SGDParamState;
  static constexpr std::string_view key = "torch_sgd";
};
template <>
struct TorchOptimizerTypes<torch::optim::Adam> {
  using Options = torch::optim::AdamOptions;
  using ParamState = torch::optim::AdamParamState;
  static constexpr std::string_view key = "torch_adam";
};
template <>
struct TorchOptimizerTypes<torch::optim::AdamW> {
  using Options = torch::optim::AdamWOptions;
  using ParamState = torch::optim::AdamWParamState;
  static constexpr std::string_view key = "torch_adamw";
};

/// An optimizer of `torch::optim` as an `Optimizer`:
///
///     loop.optimizer = assay::TorchOptimizer<torch::optim::RMSprop>(torch::optim::RMSpropOptions(1e-3).alpha(0.9));
///
/// For those that need no closure: not LBFGS. Its state is saved by names and tensors, never as a pickle.
/// Cost: Torch's, which goes parameter by parameter: several times that of `Sgd`, `Adam` and `AdamW` on small nets.
template <class T>
class TorchOptimizer {
 public:
  using Options = typename TorchOptimizerTypes<T>::Options;
  using ParamState = typename TorchOptimizerTypes<T>::ParamState;
  static constexpr std::string_view key = TorchOptimizerTypes<T>::key;

  explicit TorchOptimizer(Options options) : options_(std::move(options)) {}
  TorchOptimizer(const TorchOptimizer& other) : options_(other.options_) {
    if (!other.optimizer_) return;
    init(other.parameters());
    load(other.save());
  }
  TorchOptimizer(TorchOptimizer&&) noexcept = default;
  TorchOptimizer& operator=(const TorchOptimizer& other) { return *this = TorchOptimizer(other); }
  TorchOptimizer& operator=(TorchOptimizer&&) noexcept = default;
  ~TorchOptimizer() = default;

  /// Errors: `ConfigError` `assay.config.range` for options that Torch refuses.
  void init(std::vector<torch::Tensor> parameters) {
    try {
      optimizer_ = std::make_unique<T>(std::move(parameters), options_);
    } catch (const c10::Error& error) {
      throw ConfigError({"assay.config.range", std::string(key), "options that torch::optim takes",
                         error.what_without_backtrace(), ""});
    }
  }
  void step(double lr) {
    for (auto& group : optimizer_->param_groups()) group.options().set_lr(lr);
    optimizer_->step();
  }
  double lr() const { return options_.get_lr(); }

  Json spec() const {
    Json spec = detail::archived(options_).json;
    spec["type"] = std::string(key);
    return spec;
  }
  void fill_spec(Json& saved) const {
    if (key_of(saved) != key) return;
    const Json defaults = detail::archived(Options(1e-2)).json;
    for (const auto& [name, value] : defaults.items()) {
      if (!saved.contains(name)) saved[name] = value;
    }
  }

  State save() const {
    State all;
    if (!optimizer_) return all;
    const std::vector<torch::Tensor>& parameters = this->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto found = optimizer_->state().find(parameters[i].unsafeGetTensorImpl());
      if (found == optimizer_->state().end()) continue;
      const State one = detail::archived(static_cast<const ParamState&>(*found->second));
      all.json[std::to_string(i)] = one.json;
      for (const NamedTensor& entry : one.tensors) all.tensors.set(std::to_string(i) + "/" + entry.name, entry.tensor);
    }
    return all;
  }

  /// Errors: `CheckpointError` for the state of other parameters.
  void load(const State& state) {
    for (const auto& [index, json] : state.json.items()) {
      std::size_t i = 0;
      const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), i);
      if (error != std::errc() || end != index.data() + index.size()) throw_other_parameters(index, "a number");
      const std::vector<torch::Tensor>& parameters = this->parameters();
      if (i >= parameters.size()) throw_other_parameters(index, "one of " + std::to_string(parameters.size()));
      State one{.json = json};
      for (const NamedTensor& entry : state.tensors) {
        if (!entry.name.starts_with(index + "/")) continue;
        if (entry.tensor.dim() > 0 && entry.tensor.sizes() != parameters[i].sizes()) {
          throw_other_parameters(entry.name, "a tensor of its parameter's shape");
        }
        one.tensors.set(entry.name.substr(index.size() + 1), entry.tensor.to(parameters[i].device()));
      }
      auto restored = std::make_unique<ParamState>();
      detail::unarchive(*restored, one);
      optimizer_->state()[parameters[i].unsafeGetTensorImpl()] = std::move(restored);
    }
  }

 private:
  const std::vector<torch::Tensor>& parameters() const { return optimizer_->param_groups().front().params(); }
  [[noreturn]] static void throw_other_parameters(const std::string& name, const std::string& expected) {
    throw CheckpointError({"assay.checkpoint.optimizer", "optimizer state '" + name + "'", expected,
                           "state of another learner", "resume with the learner that was being trained"});
  }

  Options options_;
  std::unique_ptr<T> optimizer_;
};

/// Makes an optimizer of `torch::optim` known to configurations, with Torch's own names and defaults for its options.
template <class T>
void add_torch_optimizer(Registry<AnyOptimizer>& registry, std::string summary) {
  using Options = typename TorchOptimizer<T>::Options;
  const Json defaults = detail::archived(Options(1e-2)).json;
  registry.add({std::string(TorchOptimizer<T>::key), std::move(summary), detail::archived_option_rows(defaults)},
               [defaults](const ConfigReader& reader) -> std::optional<AnyOptimizer> {
                 State state{.json = detail::archived_options(reader, defaults)};
                 if (reader.has_problems()) return std::nullopt;
                 Options options(0);
                 detail::unarchive(options, state);
                 TorchOptimizer<T>(options).init({at::zeros({1})});  // a mistake is told here, not in the first round
                 return AnyOptimizer(TorchOptimizer<T>(std::move(options)));
               });
}

/// Adds RMSprop and Adagrad: what `Registries` starts with beside `Sgd`, `Adam` and `AdamW`.
void add_torch_optimizers(Registry<AnyOptimizer>& registry);

}  // namespace assay
