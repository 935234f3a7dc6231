// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/observer.hpp>
#include <assay/detail/owner.hpp>
#include <assay/detail/slot_checks.hpp>

namespace assay {

namespace detail {

struct ObserverInterface : ComponentInterface<ObserverInterface> {
  virtual void observe(const Event& event) = 0;
};

template <class T>
struct ObserverModel final : ComponentModel<ObserverInterface, ObserverModel<T>, T> {
  using ComponentModel<ObserverInterface, ObserverModel<T>, T>::ComponentModel;
  void observe(const Event& event) override { this->held.observe(event); }
};

}  // namespace detail

/// Owns any observer; itself one.
class AnyObserver {
 public:
  template <detail::NotItself<AnyObserver> T>
    requires Observer<std::remove_cvref_t<T>>
  AnyObserver(T&& observer)
      : self_(std::make_unique<detail::ObserverModel<std::remove_cvref_t<T>>>(std::forward<T>(observer))) {}
  /// For what is no observer: does not compile, and says in a sentence why.
  template <detail::NotItself<AnyObserver> T>
    requires(!Observer<std::remove_cvref_t<T>> && detail::ComponentLike<std::remove_cvref_t<T>>)
  AnyObserver(T&&) : self_(nullptr) {
    static_assert(detail::check_observer<std::remove_cvref_t<T>>());
  }

  void observe(const Event& event) { self_->observe(event); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::ObserverInterface> self_;
};

}  // namespace assay
