// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>

#include <array>
#include <string_view>

namespace assay {

/// Mean absolute error:  Σ |predicted - true| / count.
///
/// `mae` is over all components of all floating-point targets, each divided by its `error_scale` over the evaluation
/// pool (its standard deviation, mostly) and counting as `LearnerTargets` says; `mae/TARGET` is of one target, over its
/// components, in its unit. Nothing is measured on an empty evaluation pool. Cost: none beyond the round's shared
/// predictions.
struct Mae {
  static constexpr std::string_view key = "mae";
  static constexpr std::string_view summary = "mean absolute error";
  static constexpr std::array measured{key};

  Measurements measure(const MetrologyContext& context) const;
};

}  // namespace assay
