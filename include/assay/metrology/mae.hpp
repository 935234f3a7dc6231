// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>

#include <array>
#include <string_view>

namespace assay {

/// Mean absolute error:  Σ |predicted - true| / count.
///
/// `mae` is over all components of all floating-point targets, each divided by its standard deviation over the
/// evaluation pool (a constant one by 1); `mae/TARGET` is of one target, over its components, in its unit. Nothing is
/// measured on an empty evaluation pool. Cost: none beyond the round's shared predictions.
struct Mae {
  static constexpr std::string_view key = "mae";
  static constexpr std::string_view summary = "mean absolute error";
  static constexpr std::array measured{key};

  Measurements measure(const MetrologyContext& context) const;
};

}  // namespace assay
