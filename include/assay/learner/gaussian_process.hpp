// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_training_loop.hpp>
#include <assay/data/sample.hpp>
#include <assay/learner/batch.hpp>
#include <assay/learner/export.hpp>
#include <assay/learner/fields.hpp>
#include <assay/learner/gradients.hpp>
#include <assay/learner/input_columns.hpp>
#include <assay/learner/learner_targets.hpp>
#include <assay/learner/scaler.hpp>
#include <assay/learner/target_rule.hpp>
#include <assay/options.hpp>
#include <assay/state.hpp>
#include <assay/training/full_batch_loop.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace assay {

enum class Covariance { matern52, rbf };

struct GaussianProcessOptions {
  LearnerInputs inputs = {};
  LearnerTargets targets = {};
  Covariance covariance = Covariance::matern52;
  std::int64_t random_features = 1024;

  static constexpr std::array describe{
      OptionInfo{.name = "inputs", .help = "fields it reads, of any shape, and their forms", .required = true},
      OptionInfo{.name = "targets", .help = "fields it predicts, of any shape, and what they count", .required = true},
      OptionInfo{.name = "covariance", .help = "matern52: twice differentiable functions; rbf: analytic ones"},
      OptionInfo{.name = "random_features", .help = "of the prior that functions are drawn from", .min = 1},
  };
};

/// What a Gaussian process learns, in units of the standardised inputs and targets.
struct Hyperparameters {
  std::vector<double> lengthscales;  ///< one an input component
  double signal_variance = 1;
  double noise_variance = 1e-4;
};

/// An exact Gaussian process: the surrogate for 30 to 2,000 labels.
///
///     k(x, y) = s² (1 + √5 r + 5 r²/3) exp(-√5 r)  or  s² exp(-r²/2),   r² = Σ_j (x_j - y_j)² / l_j²
///
/// Its parameters are the logarithms of lengthscales, signal and noise variance, shared by all target components, which
/// are independent otherwise; `training_step` is the negative log marginal likelihood of the batch over its size, where
/// each component counts as `LearnerTargets` says.
/// `fit_scaling` takes over the labeled samples that predictions are conditioned on: whichever loop trains, predictions
/// use every label. Where no loop is given, `FullBatchLoop` trains it: the likelihood is no sum over samples, and
/// mini-batches see parts of it only.
/// Float64 on the CPU.
///
/// Shapes: fields of any shape, flattened. Cost: n³/3 a likelihood, n² a prediction, 8 n² bytes.
/// Source: Rasmussen and Williams 2006, "Gaussian processes for machine learning", equations 2.25, 2.26, 2.30, 4.17.
class GaussianProcess {
 public:
  static constexpr std::string_view key = "gaussian_process";
  static constexpr std::string_view summary = "exact Gaussian process, for up to about 2,000 labels";
  using default_loop = FullBatchLoop;

  /// Errors: `ConfigError` for options out of range or no fields.
  explicit GaussianProcess(GaussianProcessOptions options);

  const std::vector<std::string>& inputs() const noexcept { return inputs_.names(); }
  const std::vector<std::string>& targets() const noexcept { return targets_.names(); }
  std::vector<TargetRule> target_rules() const;
  void count_components() { counts_components_ = true; }
  torch::Tensor input_columns(const Values& batch) const { return inputs_.unchecked(batch); }
  std::vector<torch::Tensor> parameters() const { return {log_lengthscales_, log_signal_, log_noise_}; }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const;
  /// Errors: `TrainingError` `assay.training.not_finite` for a covariance that cannot be decomposed.
  torch::Tensor training_step(const Batch& batch);
  Values predict(const Values& inputs) const;
  void set_training(bool) {}
  std::string_view needs_whole_pool() const { return "the likelihood of a Gaussian process is no sum over samples"; }
  /// Draws hyperparameters to start from: lengthscales around the typical distance of two samples, little noise.
  void reset(std::uint64_t seed);
  /// Takes over samples to condition on. With `keep_function` the lengthscales keep their physical sizes.
  void fit_scaling(const Values& samples, bool keep_function);
  State save() const;
  /// Errors: `CheckpointError` for a state that `save` did not give.
  void load(const State& state);

  /// Of a new label: the noise included.
  Values variance(const Values& inputs) const;
  /// Inputs over lengthscales: distances as the covariance sees them.
  torch::Tensor embeddings(const Values& inputs) const;
  /// Random features of the covariance, as many as `options.sketch` (0: `random_features`): their inner products are
  /// its values, standardised, with a standard deviation of at most s² / √sketch.
  /// Source: Rahimi and Recht 2007, "Random features for large-scale kernel machines".
  torch::Tensor gradient_features(const Values& inputs, const GradientOptions& options = {}) const;
  /// Functions drawn from the posterior, without noise: a prior function of random features, corrected by the exact
  /// covariance to fit the labels.
  /// Source: Wilson, Borovitskiy, Terenin, Mostowsky and Deisenroth 2020, "Efficiently sampling functions from
  /// Gaussian process posteriors", equation 13.
  torch::Tensor posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const;

  /// Of the samples it is conditioned on, all target components together. Errors: `TrainingError` for none.
  double log_marginal_likelihood() const;
  Hyperparameters hyperparameters() const;
  /// Errors: `ShapeError` for another number of lengthscales than input components.
  void set_hyperparameters(const Hyperparameters& values);
  /// Writes it with its samples to a directory that `load_learner` reads.
  void export_to(const std::filesystem::path& directory) const { export_learner(*this, directory); }

  GaussianProcessOptions options;

 private:
  /// The samples' covariance with noise, decomposed, for one set of hyperparameters.
  struct Factor {
    torch::Tensor hyperparameters;  // [d + 2]
    torch::Tensor root;             // [n, n], lower triangle
    torch::Tensor weights;          // K⁻¹ y, [n, k]
  };
  struct PriorFeatures {
    torch::Tensor frequencies, phases;  // [d, m], [m]
  };

  torch::Tensor covariance(const torch::Tensor& x, const torch::Tensor& y) const;
  torch::Tensor root_of(const torch::Tensor& x) const;
  /// \param weights of the columns of y, [k], or undefined for ones.
  torch::Tensor negative_log_likelihood(const torch::Tensor& x, const torch::Tensor& y,
                                        const torch::Tensor& weights) const;
  /// What the targets' columns count: see `detail::column_weights`.
  torch::Tensor column_weights() const;
  const Factor& factor() const;
  PriorFeatures prior(std::int64_t features, std::uint64_t seed) const;
  torch::Tensor evaluate(const PriorFeatures& prior, const torch::Tensor& x) const;
  torch::Tensor standardised(const Values& batch) const { return x_.apply(inputs_.of(batch)); }
  void make_parameters(std::int64_t lengthscales);

  InputColumns inputs_;
  Fields targets_;
  Standardizer x_;
  Standardizer y_;
  bool counts_components_ = false;
  torch::Tensor known_x_, known_y_;  // standardised, [n, d] and [n, k]
  torch::Tensor log_lengthscales_, log_signal_, log_noise_;
  mutable std::optional<Factor> factor_;
};

}  // namespace assay
