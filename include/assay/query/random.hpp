// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct RandomOptions {
  std::int64_t max_samples = 16;

  static constexpr std::array describe{OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1}};
};

/// Picks at random: the control every other strategy is compared with.
///
/// Cost: no forward pass; a draw for each candidate, keyed by its id.
class Random {
 public:
  static constexpr std::string_view key = "random";
  static constexpr std::string_view summary = "at random: the control";

  explicit Random(RandomOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContext& context) const;

  RandomOptions options;
};

}  // namespace assay
