// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/stop/context.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

struct TargetMetricOptions {
  std::string metric = "rmse";
  std::optional<double> below = std::nullopt;
  std::optional<double> above = std::nullopt;

  static constexpr std::array describe{
      OptionInfo{.name = "metric", .help = "its name, as in metrics.jsonl"},
      OptionInfo{.name = "below", .help = "stop at this value or less"},
      OptionInfo{.name = "above", .help = "stop at this value or more"},
  };
};

/// Stops once a metric has reached a value, from above or below.
///
/// Errors: `ConfigError` without `below` and `above`, and when a round was measured without this metric.
struct TargetMetric {
  static constexpr std::string_view key = "target_metric";
  static constexpr std::string_view summary = "when a metric is good enough";

  explicit TargetMetric(TargetMetricOptions options);
  std::optional<std::string> should_stop(const StopContext& context) const;

  TargetMetricOptions options;
};

}  // namespace assay
