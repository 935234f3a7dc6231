// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/training_loop.hpp>
#include <assay/detail/owner.hpp>

namespace assay {

namespace detail {

struct TrainingLoopInterface : ComponentInterface<TrainingLoopInterface> {
  virtual TrainingReport train(LearnerRef learner, TrainingContext& context) = 0;
};

template <class T>
struct TrainingLoopModel final : ComponentModel<TrainingLoopInterface, TrainingLoopModel<T>, T> {
  using ComponentModel<TrainingLoopInterface, TrainingLoopModel<T>, T>::ComponentModel;
  TrainingReport train(LearnerRef learner, TrainingContext& context) override {
    return this->held.train(learner, context);
  }
};

}  // namespace detail

/// Owns any training loop; itself one.
class AnyTrainingLoop {
 public:
  template <detail::NotItself<AnyTrainingLoop> T>
    requires TrainingLoop<std::remove_cvref_t<T>>
  AnyTrainingLoop(T&& loop)
      : self_(std::make_unique<detail::TrainingLoopModel<std::remove_cvref_t<T>>>(std::forward<T>(loop))) {}

  TrainingReport train(LearnerRef learner, TrainingContext& context) { return self_->train(learner, context); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::TrainingLoopInterface> self_;
};

}  // namespace assay
