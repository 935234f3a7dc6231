// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_learner.hpp>
#include <assay/any/any_transform.hpp>
#include <assay/data/schema.hpp>
#include <assay/learner/export.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// A learner of transformed targets: what it holds learns `apply(y)`, and its predictions are inverted, so that
/// metrics, stop criteria and `variance` are in the units of y.
///
/// Transforms are fitted to the labeled samples whenever training starts from new weights, and stay as they are while a
/// learner is fine-tuned: it keeps its function then. Embeddings, posterior draws and gradient features are those of
/// the learner inside. Cost: that of the learner inside, and of the transforms.
class Transformed {
 public:
  static constexpr std::string_view key = "transformed";
  static constexpr std::string_view summary = "a learner of transformed targets";

  /// \param transforms by target; targets without one are learnt as they are.
  /// Errors: `ConfigError` for a transform of what is no target.
  Transformed(AnyLearner learner, std::map<std::string, AnyTransform> transforms);

  std::vector<std::string> inputs() const { return learner_.inputs(); }
  std::vector<std::string> targets() const { return learner_.targets(); }
  /// Those of the learner inside, and for transformed targets what the transform has values for.
  std::vector<TargetRule> target_rules() const;
  void count_components() { learner_.count_components(); }
  torch::Tensor input_columns(const Values& inputs) const { return learner_.input_columns(inputs); }
  std::vector<torch::Tensor> parameters() const { return learner_.parameters(); }
  std::vector<torch::Tensor> buffers() const { return learner_.buffers(); }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const {
    return learner_.pack(transformed(samples), ids);
  }
  torch::Tensor training_step(const Batch& batch) { return learner_.training_step(batch); }
  torch::Tensor validation_step(const Batch& batch) { return learner_.validation_step(batch); }
  bool has_out_of_bag() const { return learner_.has_out_of_bag(); }
  torch::Tensor out_of_bag_step(const Batch& batch) { return learner_.out_of_bag_step(batch); }
  bool has_own_gradients() const { return learner_.has_own_gradients(); }
  torch::Tensor loss_and_gradients(const Batch& batch) { return learner_.loss_and_gradients(batch); }
  void set_training(bool training) { learner_.set_training(training); }
  void reset(std::uint64_t seed) { learner_.reset(seed); }
  void to(torch::Device device, torch::Dtype dtype) { learner_.to(device, dtype); }
  /// Errors: `DataError` for a target with a transform that holds no floating-point numbers, and as the transforms.
  void fit_scaling(const Values& samples, bool keep_function);
  Values predict(const Values& inputs) const;
  State save() const;
  void load(const State& state);
  Json spec() const;
  void fill_spec(Json& saved) const;
  detail::LoopMaker loop_maker() const { return learner_.loop_maker(); }
  std::string_view needs_whole_pool() const { return learner_.needs_whole_pool(); }

  CapabilitySet capabilities() const { return learner_.capabilities(); }
  Values variance(const Values& inputs) const;
  torch::Tensor embeddings(const Values& inputs) const { return learner_.embeddings(inputs); }
  torch::Tensor posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const {
    return learner_.posterior_draws(inputs, draws, seed);
  }
  torch::Tensor class_probabilities(const Values& inputs) const { return learner_.class_probabilities(inputs); }
  torch::Tensor gradient_features(const Values& inputs, const GradientOptions& options) const {
    return learner_.gradient_features(inputs, options);
  }
  /// Writes the trained learner to a directory that `load_learner` reads.
  void export_to(const std::filesystem::path& directory) const { export_learner(*this, directory); }

 private:
  /// A transform with the target as it was before: known once it is fitted.
  struct Target {
    AnyTransform transform;
    Schema before = {};  // one field, or none
  };

  Values transformed(const Values& samples) const;
  const Field& before(const std::string& name) const;

  AnyLearner learner_;
  std::map<std::string, Target> targets_;
};

}  // namespace assay
