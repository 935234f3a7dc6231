// SPDX-License-Identifier: Apache-2.0
#include <assay/data/space.hpp>
#include <assay/error.hpp>

#include <ATen/ops/_sobol_engine_draw.h>
#include <ATen/ops/_sobol_engine_initialize_state.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <numeric>
#include <set>

namespace assay {

Space::Space(std::vector<Variable> variables) : variables_(std::move(variables)) {
  std::vector<ErrorParts> problems;
  std::set<std::string> names;
  for (const Variable& variable : variables_) {
    if (!(variable.low < variable.high)) {
      problems.push_back({"assay.config.range", "space/" + variable.name, "low < high",
                          std::to_string(variable.low) + " and " + std::to_string(variable.high), ""});
    }
    if (!names.insert(variable.name).second) {
      problems.push_back(
          {"assay.config.duplicate", "space", "every variable once", "'" + variable.name + "' twice", ""});
    }
  }
  if (variables_.empty()) problems.push_back({"assay.config.required", "space", "at least one variable", "none", ""});
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

std::vector<std::string> Space::names() const {
  std::vector<std::string> names;
  for (const Variable& variable : variables_) names.push_back(variable.name);
  return names;
}

Values Space::scale(const torch::Tensor& unit) const {
  Values points;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const Variable& variable = variables_[i];
    points.set(variable.name,
               unit.select(1, static_cast<std::int64_t>(i)) * (variable.high - variable.low) + variable.low);
  }
  return points;
}

namespace {

/// 16 GiB of float64.
constexpr std::int64_t most_numbers = std::int64_t{1} << 31;

void require_count(std::int64_t count, std::int64_t most, std::string_view what) {
  if (count >= 0 && count <= most) return;
  throw ConfigError({"assay.config.range", "/count", "0 to " + std::to_string(most) + " " + std::string(what),
                     std::to_string(count), ""});
}

}  // namespace

Values sobol(const Space& space, std::int64_t count, SobolOptions options) {
  constexpr std::int64_t bits = 30, most_variables = 21201;
  const auto dimension = static_cast<std::int64_t>(space.variables().size());
  if (dimension > most_variables) {
    throw ConfigError({"assay.config.range", "space", "at most 21201 variables for Sobol's sequence",
                       std::to_string(dimension), "use latin_hypercube or uniform"});
  }
  require_count(options.skip, std::int64_t{1} << bits, "points to leave out");
  require_count(count, std::min((std::int64_t{1} << bits), most_numbers / dimension) - options.skip, "points");
  torch::Tensor state = at::zeros({dimension, bits}, torch::kInt64);
  at::_sobol_engine_initialize_state_(state, dimension);
  const torch::Tensor origin = at::zeros({dimension}, torch::kInt64);
  const std::int64_t total = options.skip + count;
  const torch::Tensor first = at::zeros({std::min<std::int64_t>(total, 1), dimension}, torch::kFloat64);
  const torch::Tensor unit = total <= 1
                                 ? first
                                 : at::cat({first, std::get<0>(at::_sobol_engine_draw(origin, total - 1, state,
                                                                                      dimension, 0, torch::kFloat64))});
  return space.scale(unit.narrow(0, options.skip, count));
}

Values uniform(const Space& space, std::int64_t count, const RandomKey& key) {
  const auto dimension = static_cast<std::int64_t>(space.variables().size());
  require_count(count, most_numbers / dimension, "points");
  torch::Tensor unit = at::empty({count, dimension}, torch::kFloat64);
  auto* out = unit.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < dimension; ++j) *out++ = key.with(i).with(j).uniform();
  }
  return space.scale(unit);
}

Values latin_hypercube(const Space& space, std::int64_t count, const RandomKey& key) {
  const auto dimension = static_cast<std::int64_t>(space.variables().size());
  require_count(count, most_numbers / dimension, "points");
  torch::Tensor unit = at::empty({count, dimension}, torch::kFloat64);
  auto* out = unit.mutable_data_ptr<double>();
  std::vector<std::int64_t> points(static_cast<std::size_t>(count));
  std::iota(points.begin(), points.end(), 0);
  for (std::int64_t j = 0; j < dimension; ++j) {
    const std::vector<std::int64_t> strata = random_order(key.with("strata").with(j), points);
    for (std::int64_t i = 0; i < count; ++i) {
      const double within = key.with("within").with(j).with(i).uniform();
      out[i * dimension + j] = (static_cast<double>(strata[static_cast<std::size_t>(i)]) + within) /
                               static_cast<double>(count);
    }
  }
  return space.scale(unit);
}

}  // namespace assay
