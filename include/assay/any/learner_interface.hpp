// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/restoring.hpp>
#include <assay/learner/capability.hpp>
#include <assay/learner/target_rule.hpp>
#include <assay/spec.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace assay {

class AnyTrainingLoop;

namespace detail {

using LoopMaker = AnyTrainingLoop (*)();

/// Makes the training loop that a learner names as its own; null where it names none.
template <class T, class Any = AnyTrainingLoop>
LoopMaker loop_maker_of(const T& learner) {
  if constexpr (requires {
                  { learner.loop_maker() } -> std::same_as<LoopMaker>;
                }) {
    return learner.loop_maker();
  } else if constexpr (requires { typename T::default_loop; }) {
    return [] { return Any(typename T::default_loop()); };
  } else {
    return nullptr;
  }
}

/// What every learner looks like once its type is gone. Members for capabilities that the learner lacks throw; the
/// driver has checked before that nobody calls them.
struct LearnerInterface {
  virtual ~LearnerInterface() = default;
  virtual std::vector<std::string> inputs() const = 0;
  virtual std::vector<std::string> targets() const = 0;
  virtual std::vector<TargetRule> target_rules() const = 0;
  virtual std::vector<torch::Tensor> parameters() const = 0;
  virtual std::vector<torch::Tensor> buffers() const = 0;
  virtual void count_components() = 0;
  virtual torch::Tensor input_columns(const Values& inputs) const = 0;
  virtual Batch pack(const Values& samples, std::span<const SampleId> ids) const = 0;
  virtual torch::Tensor training_step(const Batch& batch) = 0;
  virtual torch::Tensor validation_step(const Batch& batch) = 0;
  virtual bool has_out_of_bag() const = 0;
  virtual torch::Tensor out_of_bag_step(const Batch& batch) = 0;
  virtual bool has_own_gradients() const = 0;
  virtual torch::Tensor loss_and_gradients(const Batch& batch) = 0;
  virtual Values predict(const Values& inputs) const = 0;
  virtual void set_training(bool training) = 0;
  virtual void reset(std::uint64_t seed) = 0;
  virtual void to(torch::Device device, torch::Dtype dtype) = 0;
  virtual void fit_scaling(const Values& samples, bool keep_function) = 0;
  virtual State save() const = 0;
  virtual void load(const State& state) = 0;
  virtual Json spec() const = 0;
  virtual void fill_spec(Json& saved) const = 0;
  virtual LoopMaker loop_maker() const = 0;
  virtual std::string_view needs_whole_pool() const = 0;

  virtual CapabilitySet capabilities() const = 0;
  virtual Values variance(const Values& inputs) const = 0;
  virtual torch::Tensor embeddings(const Values& inputs) const = 0;
  virtual torch::Tensor posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const = 0;
  virtual torch::Tensor class_probabilities(const Values& inputs) const = 0;
  virtual torch::Tensor gradient_features(const Values& inputs, const GradientOptions& options) const = 0;
};

[[noreturn]] void throw_missing_capability(Capability capability);
[[noreturn]] void throw_no_own_gradients();
[[noreturn]] void throw_no_out_of_bag();
void require_cpu_only(torch::Device device);
/// Fields side by side, flattened, [n, d] float64.
torch::Tensor side_by_side(const Values& batch, const std::vector<std::string>& names);
/// The rules, with one for every target, without weights.
std::vector<TargetRule> counting_components(std::vector<TargetRule> rules, const std::vector<std::string>& targets);

/// Adapts a learner held as `T` or referred to as `T&`.
template <class Held>
struct LearnerModel final : LearnerInterface {
  using T = std::remove_reference_t<Held>;
  Held learner;

  template <class U>
  explicit LearnerModel(U&& other) : learner(std::forward<U>(other)) {}

  std::vector<std::string> inputs() const override { return held().inputs(); }
  std::vector<std::string> targets() const override { return held().targets(); }
  std::vector<TargetRule> target_rules() const override {
    if constexpr (requires {
                    { held().target_rules() } -> std::convertible_to<std::vector<TargetRule>>;
                  }) {
      return counted(held().target_rules());
    } else {
      return counted({});
    }
  }
  void count_components() override {
    counts_components_ = true;
    if constexpr (requires { learner.count_components(); }) learner.count_components();
  }
  torch::Tensor input_columns(const Values& inputs) const override {
    if constexpr (requires {
                    { held().input_columns(inputs) } -> std::same_as<torch::Tensor>;
                  }) {
      return held().input_columns(inputs);
    } else {
      return side_by_side(inputs, held().inputs());
    }
  }
  std::vector<torch::Tensor> parameters() const override { return held().parameters(); }
  std::vector<torch::Tensor> buffers() const override {
    if constexpr (requires { held().buffers(); }) {
      return held().buffers();
    } else {
      return {};
    }
  }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const override { return held().pack(samples, ids); }
  torch::Tensor training_step(const Batch& batch) override { return learner.training_step(batch); }
  torch::Tensor validation_step(const Batch& batch) override {
    if constexpr (requires { learner.validation_step(batch); }) {
      return learner.validation_step(batch);
    } else {
      return learner.training_step(batch);
    }
  }
  bool has_out_of_bag() const override {
    if constexpr (LeavesSamplesOut<T>) {
      return held().has_out_of_bag();
    } else {
      return false;
    }
  }
  torch::Tensor out_of_bag_step(const Batch& batch) override {
    if constexpr (LeavesSamplesOut<T>) return learner.out_of_bag_step(batch);
    throw_no_out_of_bag();
  }
  bool has_own_gradients() const override {
    if constexpr (requires {
                    { held().has_own_gradients() } -> std::same_as<bool>;
                  }) {
      return held().has_own_gradients();
    } else {
      return ComputesGradients<T>;
    }
  }
  torch::Tensor loss_and_gradients(const Batch& batch) override {
    if constexpr (ComputesGradients<T>) return learner.loss_and_gradients(batch);
    throw_no_own_gradients();
  }
  Values predict(const Values& inputs) const override { return held().predict(inputs); }
  void set_training(bool training) override { learner.set_training(training); }
  void reset(std::uint64_t seed) override { learner.reset(seed); }
  void to(torch::Device device, torch::Dtype dtype) override {
    if constexpr (requires { learner.to(device, dtype); }) {
      learner.to(device, dtype);
    } else {
      require_cpu_only(device);
    }
  }
  void fit_scaling(const Values& samples, bool keep_function) override {
    if constexpr (requires { learner.fit_scaling(samples, keep_function); }) {
      learner.fit_scaling(samples, keep_function);
    }
  }
  State save() const override { return held().save(); }
  void load(const State& state) override {
    restoring("learner", [&] { learner.load(state); });
  }
  Json spec() const override { return spec_of(held()); }
  void fill_spec(Json& saved) const override { assay::fill_spec(held(), saved); }
  LoopMaker loop_maker() const override { return loop_maker_of(held()); }
  std::string_view needs_whole_pool() const override {
    if constexpr (requires {
                    { held().needs_whole_pool() } -> std::convertible_to<std::string_view>;
                  }) {
      return held().needs_whole_pool();
    } else {
      return {};
    }
  }

  CapabilitySet capabilities() const override { return capabilities_of(held()); }
  Values variance(const Values& inputs) const override {
    if constexpr (ProvidesVariance<T>) return held().variance(inputs);
    throw_missing_capability(Capability::variance);
  }
  torch::Tensor embeddings(const Values& inputs) const override {
    if constexpr (ProvidesEmbeddings<T>) return held().embeddings(inputs);
    throw_missing_capability(Capability::embeddings);
  }
  torch::Tensor posterior_draws(const Values& inputs, std::int64_t draws, std::uint64_t seed) const override {
    if constexpr (ProvidesPosteriorDraws<T>) return held().posterior_draws(inputs, draws, seed);
    throw_missing_capability(Capability::posterior_draws);
  }
  torch::Tensor class_probabilities(const Values& inputs) const override {
    if constexpr (ProvidesClassProbabilities<T>) return held().class_probabilities(inputs);
    throw_missing_capability(Capability::class_probabilities);
  }
  torch::Tensor gradient_features(const Values& inputs, const GradientOptions& options) const override {
    if constexpr (ProvidesGradientFeatures<T>) return held().gradient_features(inputs, options);
    throw_missing_capability(Capability::gradient_features);
  }

 private:
  const T& held() const { return learner; }
  std::vector<TargetRule> counted(std::vector<TargetRule> rules) const {
    return counts_components_ ? counting_components(std::move(rules), targets()) : std::move(rules);
  }

  bool counts_components_ = false;
};

}  // namespace detail

}  // namespace assay
