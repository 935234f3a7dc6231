// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/moments.hpp>
#include <assay/options.hpp>
#include <assay/training/optimizer.hpp>

#include <array>
#include <string_view>

namespace assay {

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;

  static constexpr std::array describe{
      OptionInfo{.name = "lr", .help = "learning rate", .min = 0},
      OptionInfo{.name = "beta1", .help = "decay of the running mean of gradients", .min = 0, .max = 1},
      OptionInfo{.name = "beta2", .help = "decay of the running mean of squared gradients", .min = 0, .max = 1},
      OptionInfo{.name = "eps", .help = "added to the denominator", .min = 0},
      OptionInfo{.name = "weight_decay", .help = "shrinks the parameters by lr times this at every step", .min = 0},
  };
};

/// AdamW: Adam with the weight decay taken out of the gradient.
///
///     θ ← θ - lr·λ·θ - lr · m̂ / (√v̂ + ε),  m̂ and v̂ as in `Adam`
///
/// Cost: one fused kernel for all parameters; no device sync; two tensors a parameter.
/// Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2.
class AdamW {
 public:
  static constexpr std::string_view key = "adamw";
  static constexpr std::string_view summary = "Adam with decoupled weight decay";

  explicit AdamW(AdamWOptions options = {});

  void init(std::vector<torch::Tensor> parameters) { moments_.init(std::move(parameters)); }
  void step(double lr);
  void step(const torch::Tensor& lr);
  double lr() const { return options.lr; }
  State save() const { return moments_.save(); }
  void load(const State& state) { moments_.load(state); }

  AdamWOptions options;

 private:
  detail::Moments moments_{{"exp_avg", "exp_avg_sq"}};
};

}  // namespace assay
