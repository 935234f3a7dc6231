// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/query_strategy.hpp>
#include <assay/detail/owner.hpp>

namespace assay {

namespace detail {

/// What a query strategy asks of a learner, as far as it is known at run time.
template <QueryStrategy T>
CapabilitySet requirements_of(const T& strategy) {
  if constexpr (HasRequirements<T>) {
    return strategy.requirements();
  } else {
    return SelectSignature<T>::required();
  }
}

/// Calls `select` with the context its parameter type asks for.
template <QueryStrategy T>
Selection select_with(T& strategy, const QueryInputs& inputs) {
  return strategy.select(typename SelectSignature<T>::ContextType(inputs));
}

struct QueryInterface : ComponentInterface<QueryInterface> {
  virtual Selection select(const QueryInputs& inputs) = 0;
  virtual CapabilitySet requirements() const = 0;
};

template <class T>
struct QueryModel final : ComponentModel<QueryInterface, QueryModel<T>, T> {
  using ComponentModel<QueryInterface, QueryModel<T>, T>::ComponentModel;
  Selection select(const QueryInputs& inputs) override { return select_with(this->held, inputs); }
  CapabilitySet requirements() const override { return requirements_of(this->held); }
};

}  // namespace detail

/// Owns any query strategy; itself one. What it needs of the learner is known at run time: `requirements()`.
class AnyQuery {
 public:
  template <detail::NotItself<AnyQuery> T>
    requires QueryStrategy<std::remove_cvref_t<T>>
  AnyQuery(T&& strategy)
      : self_(std::make_unique<detail::QueryModel<std::remove_cvref_t<T>>>(std::forward<T>(strategy))) {}

  Selection select(const QueryContext& context) { return self_->select(context.all()); }
  CapabilitySet requirements() const { return self_->requirements(); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::QueryInterface> self_;
};

}  // namespace assay
