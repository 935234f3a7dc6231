// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/stop/context.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

struct PlateauOptions {
  std::string metric = "rmse";
  std::int64_t patience = 3;
  double min_delta = 0;
  bool higher_is_better = false;

  static constexpr std::array describe{
      OptionInfo{.name = "metric", .help = "its name, as in metrics.jsonl"},
      OptionInfo{.name = "patience", .help = "rounds without improvement", .min = 1},
      OptionInfo{.name = "min_delta", .help = "change that counts as improvement", .min = 0},
      OptionInfo{.name = "higher_is_better", .help = "the metric is to grow"},
  };
};

/// Stops once a metric has not improved for some rounds.
///
/// Errors: `ConfigError` when a round was measured without this metric.
struct Plateau {
  static constexpr std::string_view key = "plateau";
  static constexpr std::string_view summary = "when a metric stops improving";

  explicit Plateau(PlateauOptions options_) : options(std::move(options_)) { require_valid(options, key); }
  std::optional<std::string> should_stop(const StopContext& context) const;

  PlateauOptions options;
};

}  // namespace assay
