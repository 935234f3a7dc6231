// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/owner.hpp>
#include <assay/state.hpp>

#include <concepts>
#include <vector>

namespace assay {

/// A type satisfies `Optimizer` if, for `o` (mutable) and `c` (const),
///  1. `o.init(parameters)` (`std::vector<torch::Tensor>`) takes the tensors to update and forgets what it learnt
///     about earlier ones;
///  2. `o.step(lr)` (`double`) updates them in place once from their `grad()`; a parameter without a gradient stays
///     as it is; gradients are neither cleared nor kept;
///  3. `c.lr()` gives the learning rate it is configured with;
///  4. it is `Stateful`: `load`, called after `init`, restores the moments that `save` gave;
///  5. it is copyable; a copy goes on as the original would.
/// One with `o.step(lr)` for a `const torch::Tensor&` as well, a 0-dimensional float32 tensor on the parameters'
/// device, can be part of a recorded graph: it then does the same operators every time, in memory that it keeps, and
/// reads nothing on the host. Without it training on a device is not recorded. `init` with the tensors of before zeroes
/// what it learnt in place.
///
/// Not required: a base class; parameter groups.
template <class T>
concept Optimizer = Stateful<T> && std::copy_constructible<T> &&
                    requires(T& o, const T& c, std::vector<torch::Tensor> parameters) {
                      o.init(parameters);
                      o.step(double{});
                      { c.lr() } -> std::convertible_to<double>;
                    };

namespace detail {

struct OptimizerInterface : ComponentInterface<OptimizerInterface> {
  virtual void init(std::vector<torch::Tensor> parameters) = 0;
  virtual void step(double lr) = 0;
  virtual bool takes_tensor_rate() const = 0;
  virtual void step(const torch::Tensor& lr) = 0;
  virtual double lr() const = 0;
};

template <class T>
struct OptimizerModel final : ComponentModel<OptimizerInterface, OptimizerModel<T>, T> {
  using ComponentModel<OptimizerInterface, OptimizerModel<T>, T>::ComponentModel;
  void init(std::vector<torch::Tensor> parameters) override { this->held.init(std::move(parameters)); }
  void step(double lr) override { this->held.step(lr); }
  static constexpr bool with_tensor = requires(T& o, const torch::Tensor& lr) { o.step(lr); };
  bool takes_tensor_rate() const override { return with_tensor; }
  void step(const torch::Tensor& lr) override {
    if constexpr (with_tensor) {
      this->held.step(lr);
    } else {
      this->held.step(lr.item<double>());
    }
  }
  double lr() const override { return this->held.lr(); }
};

}  // namespace detail

/// Owns any optimizer; itself one. In JSON: `{"type": "adamw", "lr": 0.001}`.
class AnyOptimizer {
 public:
  template <detail::NotItself<AnyOptimizer> T>
    requires Optimizer<std::remove_cvref_t<T>>
  AnyOptimizer(T&& optimizer)
      : self_(std::make_unique<detail::OptimizerModel<std::remove_cvref_t<T>>>(std::forward<T>(optimizer))) {}

  void init(std::vector<torch::Tensor> parameters) { self_->init(std::move(parameters)); }
  void step(double lr) { self_->step(lr); }
  /// Whether `step` with a tensor leaves the rate on its device.
  bool takes_tensor_rate() const { return self_->takes_tensor_rate(); }
  void step(const torch::Tensor& lr) { self_->step(lr); }
  double lr() const { return self_->lr(); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::OptimizerInterface> self_;
};

}  // namespace assay
