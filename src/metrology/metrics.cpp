// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/learner/scaler.hpp>
#include <assay/metrology/accuracy.hpp>
#include <assay/metrology/classification_report.hpp>
#include <assay/metrology/coverage.hpp>
#include <assay/metrology/log_likelihood.hpp>
#include <assay/metrology/mae.hpp>
#include <assay/metrology/max_error.hpp>
#include <assay/metrology/r2.hpp>
#include <assay/metrology/rmse.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/special_erfinv.h>
#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <functional>
#include <numbers>

namespace assay {

namespace {

/// One floating-point target over the evaluation pool, components flattened: [n, k] each, float64.
struct Target {
  std::string name;
  torch::Tensor predicted, truth;
  torch::Tensor varying;    ///< [k]: whether the truth is more than one number and its roundings
  torch::Tensor deviation;  ///< [k], what its errors are divided by: see `error_scale`
  double weight;            ///< of each component beside those of other targets
};

torch::Tensor columns(const torch::Tensor& values) {
  return values.to(torch::kCPU, torch::kFloat64).reshape({values.size(0), -1});
}

std::vector<Target> real_targets(const MetrologyContext& context) {
  std::vector<Target> targets;
  if (context.evaluation().empty()) return targets;
  for (const auto& [name, truth] : context.truth()) {
    if (!truth.is_floating_point()) continue;
    const torch::Tensor flat = columns(truth);
    targets.push_back({name, columns(context.predictions().at(name)), flat, spread(flat) > 0, error_scale(flat),
                       context.learner().component_weight(name, flat.size(1))});
  }
  return targets;
}

/// Numbers of components of all targets, [..., k], and what each counts.
struct Everything {
  std::vector<torch::Tensor> columns;
  std::vector<double> weights;

  bool empty() const { return columns.empty(); }
  torch::Tensor side_by_side() const { return at::cat(columns, -1); }
  double mean() const { return weighted_mean(side_by_side(), weights).mean().item<double>(); }
  void add(const torch::Tensor& values, double weight) {
    columns.push_back(values);
    weights.insert(weights.end(), static_cast<std::size_t>(values.size(-1)), weight);
  }
};

double mean_of(const torch::Tensor& values) { return values.mean().item<double>(); }

/// The figure over everything before those of each target.
Measurements with_overall(const std::string& name, double overall, Measurements each) {
  if (!each.empty()) each.insert(each.begin(), {name, overall});
  return each;
}

/// Mean of `figure` of the errors: over everything, standardised, and of each target in its own unit. \param finish of
/// the mean.
Measurements mean_errors(const MetrologyContext& context, const std::string& name,
                         const std::function<torch::Tensor(const torch::Tensor&)>& figure, double (*finish)(double)) {
  Measurements each;
  Everything all;
  for (const Target& target : real_targets(context)) {
    const torch::Tensor error = target.predicted - target.truth;
    all.add(figure(error / target.deviation), target.weight);
    each.push_back({name + "/" + target.name, finish(mean_of(figure(error)))});
  }
  return with_overall(name, all.empty() ? 0 : finish(all.mean()), std::move(each));
}

}  // namespace

const double* find(const Measurements& measurements, std::string_view name) {
  for (const Measurement& measurement : measurements) {
    if (measurement.name == name) return &measurement.value;
  }
  return nullptr;
}

Measurements Rmse::measure(const MetrologyContext& context) const {
  const auto square = [](const torch::Tensor& error) { return error.square(); };
  return mean_errors(context, "rmse", square, [](double mean) { return std::sqrt(mean); });
}

Measurements Mae::measure(const MetrologyContext& context) const {
  const auto size = [](const torch::Tensor& error) { return error.abs(); };
  return mean_errors(context, "mae", size, [](double mean) { return mean; });
}

Measurements MaxError::measure(const MetrologyContext& context) const {
  Measurements each;
  Everything all;
  for (const Target& target : real_targets(context)) {
    const torch::Tensor error = (target.predicted - target.truth).abs();
    all.add(error / target.deviation, target.weight);
    each.push_back({"max_error/" + target.name, error.max().item<double>()});
  }
  return with_overall("max_error", all.empty() ? 0 : all.side_by_side().max().item<double>(), std::move(each));
}

Measurements R2::measure(const MetrologyContext& context) const {
  Measurements each;
  Everything all;
  for (const Target& target : real_targets(context)) {
    const torch::Tensor total = (target.truth - target.truth.mean(0)).square().sum(0);
    const torch::Tensor explained = 1 - (target.predicted - target.truth).square().sum(0) / total;
    const torch::Tensor varying = explained.masked_select(target.varying);
    if (varying.numel() == 0) continue;
    all.add(varying, context.learner().component_weight(target.name, varying.numel()));
    each.push_back({"r2/" + target.name, mean_of(varying)});
  }
  return with_overall("r2", all.empty() ? 0 : all.mean(), std::move(each));
}

Measurements Accuracy::measure(const MetrologyContext& context) const {
  Measurements measurements;
  std::vector<torch::Tensor> all;
  if (context.evaluation().empty()) return measurements;
  for (const auto& [name, truth] : context.truth()) {
    if (truth.is_floating_point()) continue;
    const torch::Tensor right = columns(context.predictions().at(name)).eq(columns(truth)).to(torch::kFloat64);
    all.push_back(right);
    measurements.push_back({"accuracy/" + name, mean_of(right)});
  }
  if (!all.empty()) measurements.insert(measurements.begin(), {"accuracy", mean_of(at::cat(all, 1))});
  return measurements;
}

Measurements ClassificationReport::measure(const MetrologyContext& context) const {
  if (context.evaluation().empty()) return {};
  double all_hits = 0, all_wanted = 0, all_found = 0;
  Measurements measurements;
  const auto figures = [](double hits, double wanted, double found, const std::string& suffix) -> Measurements {
    const auto ratio = [](double a, double b) { return b > 0 ? a / b : 0.0; };
    return {{"precision" + suffix, ratio(hits, found)},
            {"recall" + suffix, ratio(hits, wanted)},
            {"f1" + suffix, ratio(2 * hits, wanted + found)}};
  };
  for (const auto& [name, values] : context.truth()) {
    if (values.is_floating_point()) continue;
    const torch::Tensor truth = values.flatten().eq(options.positive);
    const torch::Tensor guess = context.predictions().at(name).flatten().eq(static_cast<double>(options.positive));
    const auto count = [](const torch::Tensor& mask) { return static_cast<double>(mask.sum().item<std::int64_t>()); };
    const double hits = count(truth & guess), wanted = count(truth), found = count(guess);
    for (Measurement& m : figures(hits, wanted, found, "/" + name)) measurements.push_back(std::move(m));
    all_hits += hits;
    all_wanted += wanted;
    all_found += found;
  }
  if (measurements.empty()) return {};
  const Measurements overall = figures(all_hits, all_wanted, all_found, "");
  measurements.insert(measurements.begin(), overall.begin(), overall.end());
  return measurements;
}

Measurements LogLikelihood::measure(const MetrologyContextWith<Variance>& context) const {
  Measurements each;
  Everything all;
  if (context.evaluation().empty()) return each;
  const Values variances = context.learner().variances(context.evaluation());
  for (const Target& target : real_targets(context)) {
    const torch::Tensor own = target.deviation.square();
    const torch::Tensor variance = columns(variances.at(target.name)).maximum(1e-12 * own);
    const torch::Tensor density = -0.5 * ((2 * std::numbers::pi * variance).log() +
                                          (target.predicted - target.truth).square() / variance);
    all.add(density + target.deviation.log(), target.weight);
    each.push_back({"log_likelihood/" + target.name, mean_of(density)});
  }
  return with_overall("log_likelihood", all.empty() ? 0 : all.mean(), std::move(each));
}

Measurements Coverage::measure(const MetrologyContextWith<Variance>& context) const {
  Measurements each;
  Everything all;
  if (context.evaluation().empty()) return each;
  const double width = std::numbers::sqrt2 *
                       at::special_erfinv(at::scalar_tensor(options.level, torch::kFloat64)).item<double>();
  const Values variances = context.learner().variances(context.evaluation());
  for (const Target& target : real_targets(context)) {
    const torch::Tensor reach = width * columns(variances.at(target.name)).sqrt();
    const torch::Tensor inside = (target.predicted - target.truth).abs().le(reach).to(torch::kFloat64);
    all.add(inside, target.weight);
    each.push_back({"coverage/" + target.name, mean_of(inside)});
  }
  return with_overall("coverage", all.empty() ? 0 : all.mean(), std::move(each));
}

}  // namespace assay
