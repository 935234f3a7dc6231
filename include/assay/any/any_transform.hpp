// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/target_transform.hpp>
#include <assay/detail/owner.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace assay {

namespace detail {

/// [n, k]: variance of `invert` from the points at one standard deviation in each direction of [n, m].
torch::Tensor spread(const std::function<torch::Tensor(const torch::Tensor&)>& invert, const torch::Tensor& mean,
                     const torch::Tensor& variance);

struct TransformInterface : ComponentInterface<TransformInterface> {
  virtual void fit(const torch::Tensor& values) = 0;
  virtual std::optional<double> above() const = 0;
  virtual torch::Tensor apply(const torch::Tensor& values) const = 0;
  virtual torch::Tensor invert(const torch::Tensor& transformed) const = 0;
  virtual torch::Tensor variance(const torch::Tensor& mean, const torch::Tensor& variance) const = 0;
};

template <class T>
struct TransformModel final : ComponentModel<TransformInterface, TransformModel<T>, T> {
  using ComponentModel<TransformInterface, TransformModel<T>, T>::ComponentModel;
  void fit(const torch::Tensor& values) override { this->held.fit(values); }
  std::optional<double> above() const override {
    if constexpr (requires(const T& c) {
                    { c.above() } -> std::convertible_to<std::optional<double>>;
                  }) {
      return this->held.above();
    } else {
      return std::nullopt;
    }
  }
  torch::Tensor apply(const torch::Tensor& values) const override { return this->held.apply(values); }
  torch::Tensor invert(const torch::Tensor& transformed) const override { return this->held.invert(transformed); }
  torch::Tensor variance(const torch::Tensor& mean, const torch::Tensor& variance) const override {
    if constexpr (requires(const T& c) { c.variance(mean, variance); }) {
      return this->held.variance(mean, variance);
    } else {
      return spread([this](const torch::Tensor& transformed) { return invert(transformed); }, mean, variance);
    }
  }
};

}  // namespace detail

/// Owns any target transform; itself one.
class AnyTransform {
 public:
  template <detail::NotItself<AnyTransform> T>
    requires TargetTransform<std::remove_cvref_t<T>>
  AnyTransform(T&& transform)
      : self_(std::make_unique<detail::TransformModel<std::remove_cvref_t<T>>>(std::forward<T>(transform))) {}

  void fit(const torch::Tensor& values) { self_->fit(values); }
  std::optional<double> above() const { return self_->above(); }
  torch::Tensor apply(const torch::Tensor& values) const { return self_->apply(values); }
  torch::Tensor invert(const torch::Tensor& transformed) const { return self_->invert(transformed); }
  torch::Tensor variance(const torch::Tensor& mean, const torch::Tensor& variance) const {
    return self_->variance(mean, variance);
  }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::TransformInterface> self_;
};

}  // namespace assay
