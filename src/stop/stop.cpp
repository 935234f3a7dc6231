// SPDX-License-Identifier: Apache-2.0
#include <assay/stop/stop.hpp>

#include <limits>
#include <sstream>

namespace assay {

namespace {

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

/// The values of a metric, round by round.
std::vector<double> history(const StopContext& context, const std::string& metric) {
  std::vector<double> values;
  for (const MetricRecord& record : context.records) {
    if (const double* value = find(record.measurements, metric)) values.push_back(*value);
  }
  return values;
}

}  // namespace

std::optional<std::string> MaxRounds::should_stop(const StopContext& context) const {
  if (context.round <= options.rounds) return std::nullopt;
  return std::to_string(options.rounds) + " rounds";
}

std::optional<std::string> LabelBudget::should_stop(const StopContext& context) const {
  if (context.counts.labels < options.labels) return std::nullopt;
  return std::to_string(context.counts.labels) + " labels";
}

std::optional<std::string> WallTime::should_stop(const StopContext& context) const {
  if (context.seconds < options.seconds) return std::nullopt;
  return number(context.seconds) + " seconds";
}

std::optional<std::string> TargetMetric::should_stop(const StopContext& context) const {
  const std::vector<double> values = history(context, options.metric);
  if (values.empty()) return std::nullopt;
  const double last = values.back();
  const bool reached = (options.below && last <= *options.below) || (options.above && last >= *options.above);
  if (!reached) return std::nullopt;
  return options.metric + " is " + number(last);
}

std::optional<std::string> Plateau::should_stop(const StopContext& context) const {
  const double sign = options.higher_is_better ? -1 : 1;
  double best = std::numeric_limits<double>::infinity();
  std::int64_t waited = 0;
  for (const double value : history(context, options.metric)) {
    if (sign * value < best - options.min_delta) {
      best = sign * value;
      waited = 0;
    } else {
      ++waited;
    }
  }
  if (waited < options.patience) return std::nullopt;
  return options.metric + " has not improved for " + std::to_string(waited) + " rounds";
}

}  // namespace assay
