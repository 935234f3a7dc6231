// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/dense_learner.hpp>
#include <assay/learner/export.hpp>
#include <assay/learner/regression_loss.hpp>
#include <assay/options.hpp>

#include <array>
#include <string_view>

namespace assay {

struct EnsembleOptions {
  std::int64_t members = 5;
  LearnerInputs inputs = {};
  LearnerTargets targets = {};
  std::vector<std::int64_t> hidden = {64, 64};
  std::string activation = "silu";
  std::int64_t classes = 0;
  RegressionLoss loss = RegressionLoss::mse;
  bool bootstrap = true;

  static constexpr std::array describe{
      OptionInfo{.name = "members", .help = "networks, trained together", .min = 2},
      OptionInfo{.name = "inputs", .help = "fields it reads, of any shape, and their forms", .required = true},
      OptionInfo{.name = "targets", .help = "fields it predicts, of any shape, and what they count", .required = true},
      OptionInfo{.name = "hidden", .help = "widths of the hidden layers of each member", .min = 1},
      OptionInfo{.name = "activation", .help = "silu, relu, gelu or tanh"},
      OptionInfo{
          .name = "classes", .help = "0 for regression; else the one target holds class ids below this", .min = 0},
      OptionInfo{.name = "loss", .help = "of a regression; gaussian: with a variance for every prediction"},
      OptionInfo{.name = "bootstrap", .help = "each member weights the samples by draws of its own"},
  };
};

/// Several fully connected networks with weights, and bootstraps, of their own: their spread is the uncertainty.
///
/// All members' parameters are stacked, and one batched product a layer computes all of them. The bootstrap weights a
/// sample, for each member, by a Poisson(1) draw keyed by the sample's id, which approximates sampling with
/// replacement and does not change when the pool grows. The loss is the sum of the members' losses, so that each trains
/// as it would alone. With the Gaussian likelihood the variance is that of the members' predictions plus the mean of
/// theirs.
/// Source: Lakshminarayanan, Pritzel and Blundell 2017, "Simple and scalable predictive uncertainty estimation using
/// deep ensembles"; Oza and Russell 2001, "Online bagging and boosting", for the Poisson draws.
class Ensemble : private detail::DenseLearner {
 public:
  static constexpr std::string_view key = "ensemble";
  static constexpr std::string_view summary = "fully connected networks side by side; their spread is the uncertainty";

  /// Errors: as `Mlp`.
  explicit Ensemble(EnsembleOptions options);

  using DenseLearner::class_probabilities;
  using DenseLearner::count_components;
  using DenseLearner::embeddings;
  using DenseLearner::fit_scaling;
  using DenseLearner::gradient_features;
  using DenseLearner::has_out_of_bag;
  using DenseLearner::input_columns;
  using DenseLearner::inputs;
  using DenseLearner::layer_gradients;
  using DenseLearner::load;
  using DenseLearner::loss_and_gradients;
  using DenseLearner::out_of_bag_step;
  using DenseLearner::pack;
  using DenseLearner::parameters;
  using DenseLearner::predict;
  using DenseLearner::reset;
  using DenseLearner::save;
  using DenseLearner::set_training;
  using DenseLearner::target_rules;
  using DenseLearner::targets;
  using DenseLearner::to;
  using DenseLearner::training_step;
  using DenseLearner::validation_step;
  using DenseLearner::variance;

  /// Members in a drawn order, each as often as any other (to one): [draws, n, k] standardised predictions, each times
  /// the root of what its component counts, or class probabilities.
  torch::Tensor posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const;
  CapabilitySet capabilities() const;
  /// Writes the trained members to a directory that `load_learner` reads.
  void export_to(const std::filesystem::path& directory) const { export_learner(*this, directory); }

  EnsembleOptions options;
};

}  // namespace assay
