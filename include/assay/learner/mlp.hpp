// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/dense_learner.hpp>
#include <assay/learner/export.hpp>
#include <assay/learner/regression_loss.hpp>
#include <assay/options.hpp>

#include <array>
#include <string_view>

namespace assay {

struct MlpOptions {
  LearnerInputs inputs = {};
  LearnerTargets targets = {};
  std::vector<std::int64_t> hidden = {64, 64};
  std::string activation = "silu";
  std::int64_t classes = 0;
  RegressionLoss loss = RegressionLoss::mse;

  static constexpr std::array describe{
      OptionInfo{.name = "inputs", .help = "fields it reads, of any shape, and their forms", .required = true},
      OptionInfo{.name = "targets", .help = "fields it predicts, of any shape, and what they count", .required = true},
      OptionInfo{.name = "hidden", .help = "widths of the hidden layers", .min = 1},
      OptionInfo{.name = "activation", .help = "silu, relu, gelu or tanh"},
      OptionInfo{
          .name = "classes", .help = "0 for regression; else the one target holds class ids below this", .min = 0},
      OptionInfo{.name = "loss", .help = "of a regression; gaussian: with a variance for every prediction"},
  };
};

/// A fully connected network: for regression with squared error, Huber's loss or a Gaussian likelihood (then it
/// predicts a variance as well), or classification with cross-entropy (two classes share one logit).
///
/// Inputs and regression targets are standardised with their mean and deviation over the labeled pool; predictions are
/// in physical units. While fine-tuning, a new standardisation rescales the first and last layers, so that the function
/// stays as it is.
/// Gradients are computed layer by layer without autograd.
/// Shapes: fields of any shape, flattened. Cost: one small matrix product a layer, two more for its gradients.
class Mlp : private detail::DenseLearner {
 public:
  static constexpr std::string_view key = "mlp";
  static constexpr std::string_view summary = "fully connected network for regression or classification";

  /// Errors: `ConfigError` for options out of range, no fields, or more than one target of a classification.
  explicit Mlp(MlpOptions options);

  using DenseLearner::class_probabilities;
  using DenseLearner::count_components;
  using DenseLearner::embeddings;
  using DenseLearner::fit_scaling;
  using DenseLearner::gradient_features;
  using DenseLearner::input_columns;
  using DenseLearner::inputs;
  using DenseLearner::layer_gradients;
  using DenseLearner::load;
  using DenseLearner::loss_and_gradients;
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

  CapabilitySet capabilities() const;
  /// Writes the trained network to a directory that `load_learner` reads.
  void export_to(const std::filesystem::path& directory) const { export_learner(*this, directory); }

  MlpOptions options;
};

}  // namespace assay
