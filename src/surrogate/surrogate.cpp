// SPDX-License-Identifier: Apache-2.0
#include "exported.hpp"

#include <assay/error.hpp>

#include <algorithm>
#include <cmath>

namespace assay {

namespace detail {

namespace {

/// Rows whose activations stay in a processor's second cache, for layers of some hundred units.
constexpr std::int64_t cached_rows = 192;

struct PointScratch {
  std::vector<double> formed, columns, by_columns, row;
};

}  // namespace

bool ExportedSurrogate::inside(std::span<const double> point) const {
  const double* number = point.data();
  for (const Surrogate::Field& field : inputs) {
    if (field.low.size() != field.high.size() || (field.low.empty() && field.seen.empty())) {
      throw DataError({"assay.surrogate.range", "input '" + field.name + "'", "the range of the labeled samples",
                       "an export that knows none", "export the learner again, with this version of assay"});
    }
    for (std::int64_t i = 0; i < numbers_of(field); ++i, ++number) {
      if (!field.seen.empty()) {
        const auto is = [&](std::int64_t seen) { return static_cast<double>(seen) == *number; };
        if (std::none_of(field.seen.begin(), field.seen.end(), is)) return false;
      } else {
        const std::size_t bound = field.low.size() == 1 ? 0 : static_cast<std::size_t>(i);
        if (!(*number >= field.low[bound] && *number <= field.high[bound])) return false;
      }
    }
  }
  return true;
}

void ExportedSurrogate::predict(std::int64_t count, const double* points, double* means, double* deviations,
                                double* jacobians) const {
  // Each point has a row for each derivative beside its own.
  const std::int64_t most = std::max<std::int64_t>(1, jacobians ? cached_rows / (1 + forms_.columns()) : cached_rows);
  for (std::int64_t first = 0; first < count; first += most) {
    predict_block(std::min(most, count - first), points + first * input_size, means + first * target_size,
                  deviations ? deviations + first * target_size : nullptr,
                  jacobians ? jacobians + first * target_size * input_size : nullptr);
  }
}

void ExportedSurrogate::predict_block(std::int64_t count, const double* points, double* means, double* deviations,
                                      double* jacobians) const {
  static thread_local PointScratch scratch;
  const std::int64_t width = forms_.columns(), outputs = count * target_size;
  double* const columns = at_least(scratch.columns, count * width);
  forms_.apply(count, points, columns);
  for (std::int64_t i = 0; i < count * width; ++i) {
    const auto column = static_cast<std::size_t>(i % width);
    columns[i] = (columns[i] - x_.mean[column]) / x_.scale[column];
  }
  double* const by_columns = jacobians ? at_least(scratch.by_columns, outputs * width) : nullptr;
  model_->predict(
      {.count = count, .columns = columns, .means = means, .variances = deviations, .jacobians = by_columns});
  if (jacobians) {
    double* const row = at_least(scratch.row, width);
    for (std::int64_t i = 0; i < outputs; ++i) {
      for (std::int64_t j = 0; j < width; ++j)
        row[j] = by_columns[i * width + j] / x_.scale[static_cast<std::size_t>(j)];
      forms_.pull_back(points + i / target_size * input_size, row, jacobians + i * input_size);
    }
  }
  if (classes == 0) invert(count, means, deviations, jacobians);
}

void ExportedSurrogate::invert(std::int64_t count, double* means, double* variances, double* jacobians) const {
  for (std::int64_t i = 0; i < count * target_size; ++i) {
    const auto column = static_cast<std::size_t>(i % target_size);
    const Inverse& inverse = inverse_[column];
    double& mean = means[i];
    mean = mean * y_.scale[column] + y_.mean[column];
    double variance = variances ? variances[i] * y_.scale[column] * y_.scale[column] : 0;
    double slope = y_.scale[column];
    if (inverse.exponential) {
      variance = std::expm1(variance) * std::exp(2 * mean + variance);
      mean = std::exp(mean);
      slope *= mean;
    } else {
      variance *= inverse.factor * inverse.factor;
      mean = inverse.factor * mean + inverse.shift;
      slope *= inverse.factor;
    }
    if (variances) variances[i] = std::sqrt(variance);
    if (!jacobians) continue;
    for (std::int64_t j = 0; j < input_size; ++j) jacobians[i * input_size + j] *= slope;
  }
}

}  // namespace detail

Surrogate::Surrogate(const std::filesystem::path& directory)
    : exported_(std::make_unique<const detail::ExportedSurrogate>(directory)) {}
Surrogate::Surrogate(Surrogate&&) noexcept = default;
Surrogate& Surrogate::operator=(Surrogate&&) noexcept = default;
Surrogate::~Surrogate() = default;

bool Surrogate::loads(std::string_view learner) noexcept {
  return learner == "mlp" || learner == "ensemble" || learner == "gaussian_process";
}

const std::vector<Surrogate::Field>& Surrogate::inputs() const noexcept { return exported_->inputs; }
const std::vector<Surrogate::Field>& Surrogate::targets() const noexcept { return exported_->targets; }
const Surrogate::Provenance& Surrogate::provenance() const noexcept { return exported_->provenance; }
std::int64_t Surrogate::input_size() const noexcept { return exported_->input_size; }
std::int64_t Surrogate::target_size() const noexcept { return exported_->target_size; }
std::int64_t Surrogate::classes() const noexcept { return exported_->classes; }
bool Surrogate::has_deviation() const noexcept { return exported_->has_deviation(); }

namespace {

void require_size(const char* what, std::size_t expected, std::size_t got) {
  if (expected == got) return;
  throw ShapeError({"assay.surrogate.shape", what, std::to_string(expected) + " numbers", std::to_string(got), ""});
}

/// \return how many points there are.
std::int64_t require_spans(const Surrogate& surrogate, std::span<const double> points, std::span<double> means,
                           std::span<double> deviations) {
  const auto in = static_cast<std::size_t>(surrogate.input_size()),
             out = static_cast<std::size_t>(surrogate.target_size());
  const std::size_t count = points.size() / in;
  if (points.size() % in != 0) {
    throw ShapeError({"assay.surrogate.shape", "points", std::to_string(in) + " numbers for each",
                      std::to_string(points.size()), ""});
  }
  require_size("means", count * out, means.size());
  if (!deviations.empty()) {
    require_size("deviations", count * out, deviations.size());
    if (!surrogate.has_deviation()) {
      throw ShapeError({"assay.surrogate.deviation", "deviations", "none", "room for some",
                        surrogate.classes() > 0 ? "a classification predicts probabilities alone"
                                                : "this network predicts means alone: an ensemble has deviations"});
    }
  }
  return static_cast<std::int64_t>(count);
}

}  // namespace

bool Surrogate::inside(std::span<const double> point) const {
  require_size("point", static_cast<std::size_t>(input_size()), point.size());
  return exported_->inside(point);
}

void Surrogate::predict(std::span<const double> points, std::span<double> means, std::span<double> deviations) const {
  const std::int64_t count = require_spans(*this, points, means, deviations);
  exported_->predict(count, points.data(), means.data(), deviations.empty() ? nullptr : deviations.data(), nullptr);
}

void Surrogate::predict_with_jacobian(std::span<const double> points, std::span<double> means,
                                      std::span<double> jacobians, std::span<double> deviations) const {
  const std::int64_t count = require_spans(*this, points, means, deviations);
  require_size("jacobians", static_cast<std::size_t>(count * target_size() * input_size()), jacobians.size());
  exported_->predict(count, points.data(), means.data(), deviations.empty() ? nullptr : deviations.data(),
                     jacobians.data());
}

}  // namespace assay
