// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_query.hpp>
#include <assay/options.hpp>
#include <assay/query/random.hpp>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace assay {

struct MixOptions {
  std::int64_t max_samples = 16;
  std::vector<AnyQuery> strategies = {};
  std::vector<double> shares = {};

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "strategies", .help = "asked one after the other", .required = true},
      OptionInfo{.name = "shares", .help = "of max_samples, one a strategy; none: equal shares", .min = 0},
  };
};

/// Several strategies, each with a share of the batch: the first picks of each from what the ones before it left.
///
/// Shares are rounded so that they add up to `max_samples`; what a strategy falls short of goes to the next one. A
/// strategy's own `max_samples` bounds its part. Every pick remembers which strategy made it.
/// Errors: `ConfigError` for no strategies, or shares that do not fit them. Cost: that of its strategies.
class Mix {
 public:
  static constexpr std::string_view key = "mix";
  static constexpr std::string_view summary = "several strategies, each with a share of the batch";

  explicit Mix(MixOptions options_);
  Selection select(const QueryContext& context);
  CapabilitySet requirements() const;
  State save() const;
  void load(const State& state);

  MixOptions options;
};

}  // namespace assay
