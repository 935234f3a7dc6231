// SPDX-License-Identifier: Apache-2.0
// Errors that cost nothing: labels are predicted before the learner sees them.
#include "estimates.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/detail/guest.hpp>
#include <assay/query/random_share.hpp>

#include <algorithm>
#include <cmath>

namespace assay::detail {

namespace {

constexpr std::string_view share_metric = "random_share_rmse";
/// Errors that an interval is taken from, where there are as many: those of fewer models the more of them a round has.
constexpr std::int64_t enough_errors = 20, least_errors = 5;

/// [n] float64: mean square of each sample's errors over the components of the floating-point targets, each divided by
/// its variance and weighted as the target counts. Undefined where there is no such target.
torch::Tensor squared_errors(const Values& predicted, const Values& truth, const Values& variance,
                             const std::vector<TargetRule>& rules) {
  torch::Tensor sum;
  double weights = 0;
  for (const auto& [name, scale] : variance) {
    const torch::Tensor error = predicted.at(name).to(torch::kFloat64) - truth.at(name).to(torch::kFloat64);
    const torch::Tensor squares = (error * error / scale).reshape({error.size(0), -1});
    const double weight = component_weight(rules, name, squares.size(1));
    const torch::Tensor own = squares.sum(1) * weight;
    sum = sum.defined() ? sum + own : own;
    weights += weight * static_cast<double>(squares.size(1));
  }
  return sum.defined() ? sum / weights : sum;
}

/// A quantile of the χ² distribution over its degrees of freedom, `z` deviations from its median.
/// Source: Wilson and Hilferty 1931, "The distribution of chi-square".
double chi_square_ratio(double degrees, double z) {
  const double part = 2 / (9 * degrees);
  return std::pow(std::max(1 - part + z * std::sqrt(part), 0.05), 3);
}

}  // namespace

void ErrorSum::add(const ErrorSum& other) {
  if (other.count == 0) return;
  const double n = static_cast<double>(count), m = static_cast<double>(other.count), shift = other.mean - mean;
  squares += other.squares + shift * shift * n * m / (n + m);
  mean += shift * m / (n + m);
  count += other.count;
}

std::optional<ErrorInterval> interval_of(const ErrorSum& sum) {
  if (sum.count < least_errors || !(sum.mean > 0)) return std::nullopt;
  constexpr double z = 1.959963984540054;
  const double n = static_cast<double>(sum.count), spread = sum.squares / (n - 1);
  const double degrees = std::max(2.0, n * std::min(1.0, 2 * sum.mean * sum.mean / spread));
  return ErrorInterval{.rmse = std::sqrt(sum.mean),
                       .low = std::sqrt(sum.mean / chi_square_ratio(degrees, z)),
                       .high = std::sqrt(sum.mean / chi_square_ratio(degrees, -z))};
}

/// Before labels are folded in they are new to the learner: a free estimate of its error, biased by the selection but
/// for those that were drawn uniformly.
void Campaign::measure_prequentially(const std::vector<Sample>& samples, const std::vector<LedgerEntry>& entries) {
  if (!position_.trained || options_.skip_metrology || position_.round == 0 || samples.empty()) return;
  const Values variance = target_variance(labeled_, learner_->targets());
  if (variance.empty()) return;
  const GuestScope scope;
  const torch::NoGradGuard no_gradients;
  std::vector<Values> rows;
  for (const Sample& sample : samples) rows.push_back(sample.values);
  const Values truth = stack(rows);
  const torch::Tensor errors =
      squared_errors(learner_->predict(truth.pick(learner_->inputs())), truth, variance, rules_).contiguous();
  MetricRecord found{position_.round, labeled_.size(), {{"prequential_rmse", errors.mean().sqrt().item<double>()}}};
  ErrorSum uniform;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (entries[i].strategy != RandomShare::key) continue;
    uniform.add({.count = 1, .mean = errors.const_data_ptr<double>()[i]});
  }
  if (uniform.count > 0) {
    found.measurements.push_back({"random_share_samples", static_cast<double>(uniform.count)});
    found.measurements.push_back({"random_share_mean_square", uniform.mean});
    found.measurements.push_back({"random_share_spread", uniform.squares});
    for (auto record = records_.rbegin(); record != records_.rend() && uniform.count < enough_errors; ++record) {
      if (const double* count = find(record->measurements, "random_share_samples")) {
        uniform.add({.count = std::llround(*count),
                     .mean = *find(record->measurements, "random_share_mean_square"),
                     .squares = *find(record->measurements, "random_share_spread")});
      }
    }
    if (const std::optional<ErrorInterval> interval = interval_of(uniform)) {
      found.measurements.push_back({std::string(share_metric), interval->rmse});
      found.measurements.push_back({std::string(share_metric) + "_low", interval->low});
      found.measurements.push_back({std::string(share_metric) + "_high", interval->high});
    }
  }
  record(std::move(found));
}

}  // namespace assay::detail
