// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/learner/scaler.hpp>
#include <assay/state.hpp>

#include <string_view>

namespace assay {

/// z = (y - mean) / deviation, each component by its own over the labeled samples. `Mlp` and the other learners of the
/// library do so themselves; this is for modules of one's own that do not.
class Standardise {
 public:
  static constexpr std::string_view key = "standardise";
  static constexpr std::string_view summary = "each component less its mean, by its deviation";

  void fit(const torch::Tensor& values) { scaler_ = Standardizer::fit(values); }
  torch::Tensor apply(const torch::Tensor& values) const { return scaler_.apply(values); }
  torch::Tensor invert(const torch::Tensor& transformed) const { return scaler_.invert(transformed); }
  torch::Tensor variance(const torch::Tensor&, const torch::Tensor& variance) const {
    return variance * scaler_.scale.square();
  }
  State save() const;
  void load(const State& state);

 private:
  Standardizer scaler_;
};

}  // namespace assay
