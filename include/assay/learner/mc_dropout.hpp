// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/dense_learner.hpp>
#include <assay/learner/export.hpp>
#include <assay/options.hpp>

#include <array>
#include <functional>
#include <string_view>

namespace assay {

struct McDropoutOptions {
  LearnerInputs inputs = {};
  LearnerTargets targets = {};
  std::vector<std::int64_t> hidden = {64, 64};
  std::string activation = "silu";
  std::int64_t classes = 0;
  double dropout = 0.1;
  std::int64_t draws = 20;

  static constexpr std::array describe{
      OptionInfo{.name = "inputs", .help = "fields it reads, of any shape, and their forms", .required = true},
      OptionInfo{.name = "targets", .help = "fields it predicts, of any shape, and what they count", .required = true},
      OptionInfo{.name = "hidden", .help = "widths of the hidden layers", .min = 1},
      OptionInfo{.name = "activation", .help = "silu, relu, gelu or tanh"},
      OptionInfo{
          .name = "classes", .help = "0 for regression; else the one target holds class ids below this", .min = 0},
      OptionInfo{.name = "dropout", .help = "share of hidden units left out", .min = 0, .max = 0.99},
      OptionInfo{.name = "draws", .help = "functions that variance is taken over", .min = 2},
  };
};

/// A fully connected network trained with dropout, whose masks are draws from an approximate posterior: the cheapest
/// source of uncertainty, one network in all.
///
/// In training each sample has masks of its own; a posterior draw is one mask a layer, the same for all samples, so
/// that it is a function. Predictions and embeddings are those without dropout. Cost: training as `Mlp` and a random
/// number a hidden unit and sample; a forward pass a draw. Source: Gal and Ghahramani 2016, "Dropout as a Bayesian
/// approximation: representing model uncertainty in deep learning".
class McDropout : private detail::DenseLearner {
 public:
  static constexpr std::string_view key = "mc_dropout";
  static constexpr std::string_view summary = "fully connected network whose dropout masks are posterior draws";

  /// Errors: as `Mlp`.
  explicit McDropout(McDropoutOptions options);

  using DenseLearner::count_components;
  using DenseLearner::embeddings;
  using DenseLearner::fit_scaling;
  using DenseLearner::gradient_features;
  using DenseLearner::input_columns;
  using DenseLearner::inputs;
  using DenseLearner::load;
  using DenseLearner::pack;
  using DenseLearner::parameters;
  using DenseLearner::predict;
  using DenseLearner::reset;
  using DenseLearner::save;
  using DenseLearner::target_rules;
  using DenseLearner::targets;
  using DenseLearner::to;
  using DenseLearner::validation_step;

  torch::Tensor training_step(const Batch& batch);
  void set_training(bool) {}
  /// [draws, n, k] standardised outputs, or class probabilities.
  torch::Tensor posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const;
  /// Mean of the draws' probabilities.
  torch::Tensor class_probabilities(const Values& inputs) const;
  /// Over the draws, in squared physical units.
  Values variance(const Values& inputs) const;
  CapabilitySet capabilities() const;
  /// Writes the trained network to a directory that `load_learner` reads.
  void export_to(const std::filesystem::path& directory) const { export_learner(*this, directory); }

  McDropoutOptions options;

 private:
  using Mask = std::function<torch::Tensor(const torch::Tensor& hidden, std::int64_t layer)>;
  torch::Tensor forward(const torch::Tensor& x, const Mask& mask) const;
  /// [draws, n, outputs] float64 on the CPU.
  torch::Tensor drawn_outputs(const Values& inputs, std::int64_t draws, std::uint64_t seed) const;
};

}  // namespace assay
