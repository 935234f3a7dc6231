// SPDX-License-Identifier: Apache-2.0
#include <assay/stop/stop.hpp>

#include <assay/error.hpp>

#include <algorithm>
#include <limits>
#include <sstream>

namespace assay {

namespace {

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

/// The driver's own measurements, which begin with the labels that come in.
bool comes_later(std::string_view metric) {
  return metric == "prequential_rmse" || metric.starts_with("random_share_rmse");
}

/// The values of a metric, round by round. Errors: `ConfigError` for one that is not among those measured.
std::vector<double> history(const StopContext& context, std::string_view criterion, const std::string& metric) {
  std::vector<double> values;
  std::vector<std::string> known;
  for (const MetricRecord& record : context.records) {
    if (const double* value = find(record.measurements, metric)) values.push_back(*value);
    for (const Measurement& m : record.measurements) {
      if (std::find(known.begin(), known.end(), m.name) == known.end()) known.push_back(m.name);
    }
  }
  if (!values.empty() || known.empty() || comes_later(metric)) return values;
  const bool nothing_else = std::all_of(known.begin(), known.end(), comes_later);
  throw ConfigError(
      {"assay.stop.metric", "stop criterion '" + std::string(criterion) + "', /metric", "a metric that is measured",
       "'" + metric + "'",
       (nothing_else ? "metrics need a test or a validation pool; " : "") + detail::suggest(metric, known)});
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

TargetMetric::TargetMetric(TargetMetricOptions options_) : options(std::move(options_)) {
  require_valid(options, key);
  if (options.below || options.above) return;
  throw ConfigError({"assay.config.required", "/below", "a bound, 'below' or 'above', that ends the campaign", "none",
                     "for an error set 'below', for a score 'above'"});
}

std::optional<std::string> TargetMetric::should_stop(const StopContext& context) const {
  const std::vector<double> values = history(context, key, options.metric);
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
  for (const double value : history(context, key, options.metric)) {
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
