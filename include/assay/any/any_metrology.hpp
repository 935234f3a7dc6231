// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/metrology_strategy.hpp>
#include <assay/detail/owner.hpp>

#include <optional>
#include <string>
#include <vector>

namespace assay {

namespace detail {

template <MetrologyStrategy T>
CapabilitySet metrology_requirements_of(const T& strategy) {
  if constexpr (HasRequirements<T>) {
    return strategy.requirements();
  } else {
    return MeasureSignature<T>::required();
  }
}

/// Calls `measure` with the context its parameter type asks for.
template <MetrologyStrategy T>
Measurements measure_with(T& strategy, const MetrologyInputs& inputs) {
  return strategy.measure(typename MeasureSignature<T>::ContextType(inputs));
}

struct MetrologyInterface : ComponentInterface<MetrologyInterface> {
  virtual Measurements measure(const MetrologyInputs& inputs) = 0;
  virtual CapabilitySet requirements() const = 0;
  virtual std::optional<std::vector<std::string>> metric_names() const = 0;
};

template <class T>
struct MetrologyModel final : ComponentModel<MetrologyInterface, MetrologyModel<T>, T> {
  using ComponentModel<MetrologyInterface, MetrologyModel<T>, T>::ComponentModel;
  Measurements measure(const MetrologyInputs& inputs) override { return measure_with(this->held, inputs); }
  CapabilitySet requirements() const override { return metrology_requirements_of(this->held); }
  std::optional<std::vector<std::string>> metric_names() const override {
    if constexpr (requires { this->held.metric_names(); }) {
      return this->held.metric_names();
    } else if constexpr (requires { T::measured; }) {
      return std::vector<std::string>(T::measured.begin(), T::measured.end());
    } else {
      return std::nullopt;
    }
  }
};

}  // namespace detail

/// Owns any metrology strategy; itself one.
class AnyMetrology {
 public:
  template <detail::NotItself<AnyMetrology> T>
    requires MetrologyStrategy<std::remove_cvref_t<T>>
  AnyMetrology(T&& strategy)
      : self_(std::make_unique<detail::MetrologyModel<std::remove_cvref_t<T>>>(std::forward<T>(strategy))) {}

  Measurements measure(const MetrologyContext& context) { return self_->measure(context.all()); }
  CapabilitySet requirements() const { return self_->requirements(); }
  /// What it measures; nothing where that is not known before.
  std::optional<std::vector<std::string>> metric_names() const { return self_->metric_names(); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::MetrologyInterface> self_;
};

}  // namespace assay
