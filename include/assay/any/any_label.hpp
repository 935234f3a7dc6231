// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/concepts/label_strategy.hpp>
#include <assay/detail/owner.hpp>
#include <assay/error.hpp>

#include <string>
#include <vector>

namespace assay {

namespace detail {

struct LabelInterface : ComponentInterface<LabelInterface> {
  virtual void label(LabelContext& context) = 0;
  virtual std::vector<std::string> provides() const = 0;
  virtual std::vector<ErrorParts> obstacles(const std::vector<std::string>& inputs) const = 0;
};

template <class T>
struct LabelModel final : ComponentModel<LabelInterface, LabelModel<T>, T> {
  using ComponentModel<LabelInterface, LabelModel<T>, T>::ComponentModel;
  void label(LabelContext& context) override { this->held.label(context); }
  std::vector<std::string> provides() const override { return this->held.provides(); }
  std::vector<ErrorParts> obstacles(const std::vector<std::string>& inputs) const override {
    if constexpr (requires { this->held.obstacles(inputs); }) {
      return this->held.obstacles(inputs);
    } else {
      return {};
    }
  }
};

}  // namespace detail

/// Owns any label strategy; itself one.
class AnyLabel {
 public:
  template <detail::NotItself<AnyLabel> T>
    requires LabelStrategy<std::remove_cvref_t<T>>
  AnyLabel(T&& strategy)
      : self_(std::make_unique<detail::LabelModel<std::remove_cvref_t<T>>>(std::forward<T>(strategy))) {}

  void label(LabelContext& context) { self_->label(context); }
  std::vector<std::string> provides() const { return self_->provides(); }
  /// What it would fail on here and now, each under "/OPTION". \param inputs what samples have.
  std::vector<ErrorParts> obstacles(const std::vector<std::string>& inputs) const { return self_->obstacles(inputs); }
  Json spec() const { return self_->spec(); }
  void fill_spec(Json& saved) const { self_->fill_spec(saved); }
  State save() const { return self_->save(); }
  void load(const State& state) { self_->load(state); }

 private:
  detail::Owner<detail::LabelInterface> self_;
};

}  // namespace assay
