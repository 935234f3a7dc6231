// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>

#include <array>
#include <string_view>

namespace assay {

/// Share of samples whose class is right:  `accuracy` over all integer targets, `accuracy/TARGET` for each.
///
/// Cost: none beyond the round's shared predictions.
struct Accuracy {
  static constexpr std::string_view key = "accuracy";
  static constexpr std::string_view summary = "share of correct classes";
  static constexpr std::array measured{key};

  Measurements measure(const MetrologyContext& context) const;
};

}  // namespace assay
