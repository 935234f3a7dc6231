// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/moments.hpp>
#include <assay/options.hpp>
#include <assay/training/optimizer.hpp>

#include <array>
#include <string_view>

namespace assay {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;

  static constexpr std::array describe{
      OptionInfo{.name = "lr", .help = "learning rate", .min = 0},
      OptionInfo{.name = "beta1", .help = "decay of the running mean of gradients", .min = 0, .max = 1},
      OptionInfo{.name = "beta2", .help = "decay of the running mean of squared gradients", .min = 0, .max = 1},
      OptionInfo{.name = "eps", .help = "added to the denominator", .min = 0},
      OptionInfo{.name = "weight_decay", .help = "added to the gradient, times the parameter", .min = 0},
  };
};

/// Adam: every component's step is its running mean gradient over the root of its running mean square.
///
///     m ← β₁m + (1-β₁)g,  v ← β₂v + (1-β₂)g²,  θ ← θ - lr · m̂ / (√v̂ + ε),  m̂ = m/(1-β₁ᵗ),  v̂ = v/(1-β₂ᵗ)
///
/// Cost: one fused kernel for all parameters; no device sync; two tensors a parameter.
/// Source: Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.
class Adam {
 public:
  static constexpr std::string_view key = "adam";
  static constexpr std::string_view summary = "steps scaled by running moments of the gradient";

  explicit Adam(AdamOptions options = {});

  void init(std::vector<torch::Tensor> parameters) { moments_.init(std::move(parameters)); }
  void step(double lr);
  void step(const torch::Tensor& lr);
  double lr() const { return options.lr; }
  State save() const { return moments_.save(); }
  void load(const State& state) { moments_.load(state); }

  AdamOptions options;

 private:
  detail::Moments moments_{{"exp_avg", "exp_avg_sq"}};
};

}  // namespace assay
