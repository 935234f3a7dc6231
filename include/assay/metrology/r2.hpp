// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>

#include <array>
#include <string_view>

namespace assay {

/// Coefficient of determination:  1 - Σ (predicted - true)² / Σ (true - mean)², averaged over components that vary.
///
/// `r2` is over all components of all floating-point targets, which count as `LearnerTargets` says; `r2/TARGET` is of
/// one target, over its components. Nothing is measured on an empty evaluation pool. Cost: none beyond the round's
/// shared predictions.
struct R2 {
  static constexpr std::string_view key = "r2";
  static constexpr std::string_view summary = "share of the variance that is explained";
  static constexpr std::array measured{key};

  Measurements measure(const MetrologyContext& context) const;
};

}  // namespace assay
