// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>
#include <assay/detail/dense_net.hpp>
#include <assay/detail/scratch.hpp>
#include <assay/learner/batch.hpp>
#include <assay/learner/capability.hpp>
#include <assay/learner/fields.hpp>
#include <assay/learner/gradients.hpp>
#include <assay/learner/input_columns.hpp>
#include <assay/learner/learner_targets.hpp>
#include <assay/learner/regression_loss.hpp>
#include <assay/learner/scaler.hpp>
#include <assay/learner/target_rule.hpp>
#include <assay/state.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace assay::detail {

struct DenseLearnerOptions {
  LearnerInputs inputs;
  LearnerTargets targets;
  std::vector<std::int64_t> hidden;
  std::string activation;
  std::int64_t classes = 0;
  RegressionLoss loss = RegressionLoss::mse;
  std::int64_t members = 0;  ///< 0: one network without a member dimension
  bool bootstrap = false;
};

class DenseGradients;

/// What `Mlp` and `Ensemble` have in common: fields, standardisation, and one network or several side by side.
class DenseLearner {
 public:
  explicit DenseLearner(DenseLearnerOptions options);

  const std::vector<std::string>& inputs() const noexcept { return inputs_.names(); }
  const std::vector<std::string>& targets() const noexcept { return targets_.names(); }
  std::vector<TargetRule> target_rules() const;
  void count_components();
  torch::Tensor input_columns(const Values& batch) const { return inputs_.unchecked(batch); }
  std::vector<torch::Tensor> parameters() const { return net_.parameters(); }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const;
  torch::Tensor training_step(const Batch& batch);
  torch::Tensor validation_step(const Batch& batch);
  bool has_out_of_bag() const noexcept { return options_.bootstrap; }
  torch::Tensor out_of_bag_step(const Batch& batch);
  torch::Tensor loss_and_gradients(const Batch& batch);
  Values predict(const Values& inputs) const;
  void set_training(bool) {}
  void reset(std::uint64_t seed);
  void to(torch::Device device, torch::Dtype dtype);
  void fit_scaling(const Values& samples, bool keep_function);
  State save() const;
  /// Errors: `CheckpointError` for a state that `save` did not give; nothing has changed then.
  void load(const State& state);

  bool classifies() const noexcept { return options_.classes > 0; }
  bool predicts_variance() const noexcept { return !classifies() && options_.loss == RegressionLoss::gaussian; }
  /// Members' predictions, standardised, or logits: [members, n, k] float64 on the CPU.
  torch::Tensor outputs(const Values& inputs) const;
  /// Members' class probabilities, [members, n, classes]. Errors: `ConfigError` for a regression.
  torch::Tensor member_probabilities(const Values& inputs) const;
  torch::Tensor class_probabilities(const Values& inputs) const { return member_probabilities(inputs).mean(0); }
  /// Errors: `ConfigError` for a single network without a Gaussian likelihood, or a classification.
  Values variance(const Values& inputs) const;
  torch::Tensor embeddings(const Values& inputs) const;
  /// The layers' parts of the gradients of every output, the members' divided by the root of their number; of the last
  /// layer alone if the options say so. The result of the last layer is the output: its `output` is one column.
  LayerGradients layer_gradients(const Values& inputs, const GradientOptions& options) const;
  /// Features of those gradients, [n, d]. Cost: a forward and a backward pass, and the sketch's own products.
  torch::Tensor gradient_features(const Values& inputs, const GradientOptions& options = {}) const;

 protected:
  torch::Tensor standardised_inputs(const Values& batch) const;
  /// Variances of standardised outputs [n, k] as those of the targets.
  Values in_squared_units(const torch::Tensor& variance) const {
    return targets_.unflatten(variance * y_.scale.square());
  }
  /// Standardised outputs of a regression [..., k], each times the root of what its column counts.
  torch::Tensor weighted(const torch::Tensor& outputs) const;
  Activation activation() const noexcept { return net_.activation(); }
  /// One loss a member, [members], of outputs [members, n, k] or, of a single network, [n, k].
  torch::Tensor losses(const torch::Tensor& outputs, const Batch& batch) const;
  /// Class probabilities [..., n, classes] of logits [..., n, k].
  torch::Tensor probabilities(const torch::Tensor& logits) const;

 private:
  torch::Tensor class_ids(const Values& samples) const;
  /// Changes the last layer so that predictions unscaled by `now` are what they are unscaled by `y_`.
  void rescale_outputs(const Standardizer& now);
  /// What the columns of a regression's targets count, where they differ: see `detail::column_weights`.
  torch::Tensor column_weights() const;
  /// The same of the network's outputs.
  torch::Tensor output_weights() const;
  /// Puts the columns' weights where the network is.
  void place_weights();
  torch::Tensor raw_outputs(const Values& inputs) const;
  torch::Tensor bootstrap_weights(std::span<const SampleId> ids) const;
  DenseShape shape(const InputColumns& inputs, const Fields& targets) const;

  DenseLearnerOptions options_;
  InputColumns inputs_;
  Fields targets_;
  Standardizer x_;
  Standardizer y_;
  std::uint64_t seed_ = 0;
  bool counts_components_ = false;
  torch::Tensor placed_weights_;  // of columns, in the network's dtype on its device; undefined for ones
  DenseNet net_;
  Scratch<DenseGradients> gradients_;
};

}  // namespace assay::detail
