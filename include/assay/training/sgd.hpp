// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/moments.hpp>
#include <assay/options.hpp>
#include <assay/training/optimizer.hpp>

#include <array>
#include <string_view>

namespace assay {

struct SgdOptions {
  double lr = 1e-2;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;

  static constexpr std::array describe{
      OptionInfo{.name = "lr", .help = "learning rate", .min = 0},
      OptionInfo{
          .name = "momentum", .help = "decay of the running sum of gradients; 0 for plain descent", .min = 0, .max = 1},
      OptionInfo{.name = "weight_decay", .help = "added to the gradient, times the parameter", .min = 0},
      OptionInfo{.name = "nesterov", .help = "take the gradient where the momentum leads; needs momentum > 0"},
  };
};

/// Stochastic gradient descent, with momentum if asked for.
///
///     v ← μv + g,  θ ← θ - lr·v   (Nesterov: θ ← θ - lr·(g + μv))
///
/// Cost: one fused kernel for all parameters; no device sync; one tensor a parameter with momentum, else none.
/// Source: Sutskever, Martens, Dahl and Hinton 2013, "On the importance of initialization and momentum in deep
/// learning", equations 1-4, in PyTorch's form.
class Sgd {
 public:
  static constexpr std::string_view key = "sgd";
  static constexpr std::string_view summary = "stochastic gradient descent with optional momentum";

  explicit Sgd(SgdOptions options = {});

  void init(std::vector<torch::Tensor> parameters) { moments_.init(std::move(parameters)); }
  void step(double lr);
  void step(const torch::Tensor& lr);
  double lr() const { return options.lr; }
  State save() const { return moments_.save(); }
  void load(const State& state) { moments_.load(state); }

  SgdOptions options;

 private:
  detail::Moments moments_;
};

}  // namespace assay
