// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/metrology_strategy.hpp>
#include <assay/detail/owner.hpp>

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
};

template <class T>
struct MetrologyModel final : ComponentModel<MetrologyInterface, MetrologyModel<T>, T> {
  using ComponentModel<MetrologyInterface, MetrologyModel<T>, T>::ComponentModel;
  Measurements measure(const MetrologyInputs& inputs) override { return measure_with(this->held, inputs); }
  CapabilitySet requirements() const override { return metrology_requirements_of(this->held); }
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
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::MetrologyInterface> self_;
};

}  // namespace assay
