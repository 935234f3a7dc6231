// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/stop_criterion.hpp>
#include <assay/detail/owner.hpp>
#include <assay/detail/slot_checks.hpp>

namespace assay {

namespace detail {

struct StopInterface : ComponentInterface<StopInterface> {
  virtual std::optional<std::string> should_stop(const StopContext& context) = 0;
};

template <class T>
struct StopModel final : ComponentModel<StopInterface, StopModel<T>, T> {
  using ComponentModel<StopInterface, StopModel<T>, T>::ComponentModel;
  std::optional<std::string> should_stop(const StopContext& context) override {
    return this->held.should_stop(context);
  }
};

}  // namespace detail

/// Owns any stop criterion; itself one.
class AnyStop {
 public:
  template <detail::NotItself<AnyStop> T>
    requires StopCriterion<std::remove_cvref_t<T>>
  AnyStop(T&& criterion)
      : self_(std::make_unique<detail::StopModel<std::remove_cvref_t<T>>>(std::forward<T>(criterion))) {}
  /// For what is no stop criterion: does not compile, and says in a sentence why.
  template <detail::NotItself<AnyStop> T>
    requires(!StopCriterion<std::remove_cvref_t<T>> && detail::ComponentLike<std::remove_cvref_t<T>>)
  AnyStop(T&&) : self_(nullptr) {
    static_assert(detail::check_stop<std::remove_cvref_t<T>>());
  }

  std::optional<std::string> should_stop(const StopContext& context) { return self_->should_stop(context); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::StopInterface> self_;
};

}  // namespace assay
