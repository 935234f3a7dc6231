// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/state_parts.hpp>
#include <assay/metrology/metrics.hpp>

namespace assay {

Measurements Metrics::measure(const MetrologyContext& context) {
  Measurements all;
  for (AnyMetrology& metric : options.metrics) {
    const Measurements one = metric.measure(context);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

CapabilitySet Metrics::requirements() const {
  CapabilitySet all;
  for (const AnyMetrology& metric : options.metrics) all = all | metric.requirements();
  return all;
}

std::optional<std::vector<std::string>> Metrics::metric_names() const {
  std::vector<std::string> all;
  for (const AnyMetrology& metric : options.metrics) {
    const std::optional<std::vector<std::string>> names = metric.metric_names();
    if (!names) return std::nullopt;
    all.insert(all.end(), names->begin(), names->end());
  }
  return all;
}

State Metrics::save() const { return detail::save_parts(options.metrics); }
void Metrics::load(const State& state) { detail::load_parts(options.metrics, state); }

}  // namespace assay
