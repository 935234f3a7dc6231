// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>

#include <array>
#include <string_view>

namespace assay {

/// Measures nothing.
struct NoMetrology {
  static constexpr std::string_view key = "none";
  static constexpr std::string_view summary = "measures nothing";
  static constexpr std::array<std::string_view, 0> measured{};

  Measurements measure(const MetrologyContext&) const { return {}; }
};

}  // namespace assay
