// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>

#include <array>
#include <string_view>

namespace assay {

/// Root mean square error:  √(Σ (predicted - true)² / count).
///
/// `rmse` is over all components of all floating-point targets, each divided by its `error_scale` over the evaluation
/// pool (its standard deviation, mostly) and counting as `LearnerTargets` says; `rmse/TARGET` is of one target, over
/// its components, in its unit. Nothing is measured on an empty evaluation pool. Cost: none beyond the round's shared
/// predictions.
struct Rmse {
  static constexpr std::string_view key = "rmse";
  static constexpr std::string_view summary = "root mean square error";
  static constexpr std::array measured{key};

  Measurements measure(const MetrologyContext& context) const;
};

}  // namespace assay
