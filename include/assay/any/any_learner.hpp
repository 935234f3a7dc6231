// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/learner_interface.hpp>

namespace assay {

/// Owns any learner; itself a learner with every capability in its type, answering for what it holds at run time.
class AnyLearner {
 public:
  template <class T>
    requires(!std::same_as<std::remove_cvref_t<T>, AnyLearner> && LearnerProtocol<std::remove_cvref_t<T>>)
  AnyLearner(T&& learner)
      : self_(std::make_unique<detail::LearnerModel<std::remove_cvref_t<T>>>(std::forward<T>(learner))) {}

  std::vector<std::string> inputs() const { return self_->inputs(); }
  std::vector<std::string> targets() const { return self_->targets(); }
  std::vector<TargetRule> target_rules() const { return self_->target_rules(); }
  void count_components() { self_->count_components(); }
  torch::Tensor input_columns(const Values& inputs) const { return self_->input_columns(inputs); }
  std::vector<torch::Tensor> parameters() const { return self_->parameters(); }
  std::vector<torch::Tensor> buffers() const { return self_->buffers(); }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const { return self_->pack(samples, ids); }
  torch::Tensor training_step(const Batch& batch) { return self_->training_step(batch); }
  torch::Tensor validation_step(const Batch& batch) { return self_->validation_step(batch); }
  bool has_out_of_bag() const { return self_->has_out_of_bag(); }
  torch::Tensor out_of_bag_step(const Batch& batch) { return self_->out_of_bag_step(batch); }
  bool has_own_gradients() const { return self_->has_own_gradients(); }
  torch::Tensor loss_and_gradients(const Batch& batch) { return self_->loss_and_gradients(batch); }
  Values predict(const Values& inputs) const { return self_->predict(inputs); }
  void set_training(bool training) { self_->set_training(training); }
  void reset(std::uint64_t seed) { self_->reset(seed); }
  void to(torch::Device device, torch::Dtype dtype) { self_->to(device, dtype); }
  void fit_scaling(const Values& samples, bool keep_function) { self_->fit_scaling(samples, keep_function); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  detail::LoopMaker loop_maker() const { return self_->loop_maker(); }
  std::string_view needs_whole_pool() const { return self_->needs_whole_pool(); }

  CapabilitySet capabilities() const { return self_->capabilities(); }
  Values variance(const Values& inputs) const { return self_->variance(inputs); }
  torch::Tensor embeddings(const Values& inputs) const { return self_->embeddings(inputs); }
  torch::Tensor posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const {
    return self_->posterior_draws(inputs, draws, seed);
  }
  torch::Tensor class_probabilities(const Values& inputs) const { return self_->class_probabilities(inputs); }
  torch::Tensor gradient_features(const Values& inputs, const GradientOptions& options) const {
    return self_->gradient_features(inputs, options);
  }

 private:
  std::unique_ptr<detail::LearnerInterface> self_;
};

/// Refers to a learner it does not own: what a training loop is given. Cheap to copy.
class LearnerRef {
 public:
  template <class T>
    requires(!std::same_as<std::remove_cvref_t<T>, LearnerRef> && LearnerProtocol<T>)
  explicit LearnerRef(T& learner) : self_(std::make_shared<detail::LearnerModel<T&>>(learner)) {}

  detail::LearnerInterface* operator->() const noexcept { return self_.get(); }
  const detail::LearnerInterface& interface() const noexcept { return *self_; }

 private:
  std::shared_ptr<detail::LearnerInterface> self_;
};

}  // namespace assay
