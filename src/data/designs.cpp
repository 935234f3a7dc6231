// SPDX-License-Identifier: Apache-2.0
// Points that fill a space.
#include "rare_points.hpp"

#include <assay/data/space.hpp>
#include <assay/error.hpp>

#include <ATen/ops/_sobol_engine_draw.h>
#include <ATen/ops/_sobol_engine_ff.h>
#include <ATen/ops/_sobol_engine_initialize_state.h>
#include <ATen/ops/_sobol_engine_scramble.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay {

namespace {

/// 16 GiB of float64, or a third of what the machine has: points stand in the unit cube, in the box, and in the pool.
std::int64_t most_numbers() {
  const std::int64_t memory = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  return std::min(std::int64_t{1} << 31, std::max<std::int64_t>(memory, 1 << 28) / 24);
}

/// As many conditions leave of all points: fewer are found otherwise than by drawing.
constexpr std::int64_t most_tries = 10'000;

std::int64_t dimension_of(const Space& space) { return static_cast<std::int64_t>(space.variables().size()); }

void require_count(std::int64_t count, std::int64_t most, std::string_view what) {
  if (count >= 0 && count <= most) return;
  throw ConfigError({"assay.config.range", "/count", "0 to " + std::to_string(most) + " " + std::string(what),
                     std::to_string(count), ""});
}

bool has_conditions(const Space& space) { return !space.constraints().empty() || !space.predicates().empty(); }

Values feasible_of(const Space& space, const Values& designs) {
  return rows(designs, space.feasible(designs).nonzero().reshape({-1}));
}

/// The feasible points from the `skip`-th to the `skip + count - 1`-th of a sequence. \param points `(first, count)` to
/// a batch of the sequence. \param key for points of a space in which hardly any of the sequence is feasible.
template <class Points>
Values take_feasible(const Space& space, std::int64_t skip, std::int64_t count, const RandomKey& key, Points points) {
  if (!has_conditions(space)) return points(skip, count);
  constexpr std::int64_t block = 1024, largest_block = 1 << 20;
  std::vector<Values> found;
  std::int64_t have = 0, tried = 0;
  while (have < skip + count) {
    if (tried > most_tries * (have + 1)) return detail::RarePoints(space, key).points(skip, count);
    // As many again as were tried: what is rare is found in few, large steps.
    const std::int64_t next = std::max({block, skip + count - have, std::min(tried, largest_block)});
    found.push_back(feasible_of(space, points(tried, next)));
    tried += next;
    have += batch_size(found.back());
  }
  if (found.empty()) return points(0, 0);
  const Values all = concatenate(found);
  Values kept;
  for (const auto& [name, tensor] : all) kept.set(name, tensor.narrow(0, skip, count));
  return kept;
}

torch::Tensor bits(const RandomKey& key, std::vector<std::int64_t> shape) {
  torch::Tensor drawn = at::empty(shape, torch::kInt64);
  auto* out = drawn.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < drawn.numel(); ++i) out[i] = static_cast<std::int64_t>(key.with(i).bits() >> 63);
  return drawn;
}

/// Sobol's sequence in the unit cube, from its start.
class Sobol {
 public:
  static constexpr std::int64_t digits = 30;

  Sobol(std::int64_t dimension, const std::optional<std::uint64_t>& scramble)
      : dimension_(dimension),
        state_(at::zeros({dimension, digits}, torch::kInt64)),
        origin_(at::zeros({dimension}, torch::kInt64)) {
    at::_sobol_engine_initialize_state_(state_, dimension);
    if (!scramble) return;
    const RandomKey key = RandomKey(*scramble).with("sobol");
    const torch::Tensor shift = bits(key.with("shift"), {dimension, digits});
    for (std::int64_t digit = 0; digit < digits; ++digit)
      origin_ += shift.select(1, digit) * (std::int64_t{1} << digit);
    torch::Tensor matrix = bits(key.with("matrix"), {dimension, digits, digits}).tril();
    matrix.diagonal(0, 1, 2).fill_(1);  // else digits, and with them strata, would be lost
    at::_sobol_engine_scramble_(state_, matrix, dimension);
  }

  /// [count, d].
  torch::Tensor points(std::int64_t first, std::int64_t count) const {
    const torch::Tensor start = origin_.to(torch::kFloat64).div(std::pow(2.0, digits)).reshape({1, -1});
    if (count == 0) return start.narrow(0, 0, 0);
    if (first == 0) return count == 1 ? start : at::cat({start, points(1, count - 1)});
    torch::Tensor at_first = origin_.clone();
    at::_sobol_engine_ff_(at_first, first - 1, state_, dimension_, 0);
    return std::get<0>(at::_sobol_engine_draw(at_first, count, state_, dimension_, first - 1, torch::kFloat64));
  }

 private:
  std::int64_t dimension_;
  torch::Tensor state_, origin_;
};

/// [count, d], a Latin hypercube.
torch::Tensor latin_unit(std::int64_t dimension, std::int64_t count, const RandomKey& key) {
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
  return unit;
}

}  // namespace

Values sobol(const Space& space, std::int64_t count, SobolOptions options) {
  constexpr std::int64_t most_variables = 21201, most_points = std::int64_t{1} << Sobol::digits;
  const std::int64_t dimension = dimension_of(space);
  if (dimension > most_variables) {
    throw ConfigError({"assay.config.range", "space", "at most 21201 variables for Sobol's sequence",
                       std::to_string(dimension), "use latin_hypercube or uniform"});
  }
  require_count(options.skip, most_points, "points to leave out");
  require_count(count, std::min(most_points, most_numbers() / dimension) - options.skip, "points");
  const Sobol sequence(dimension, options.scramble);
  const RandomKey key = RandomKey(options.scramble.value_or(0)).with("sobol");
  return take_feasible(space, options.skip, count, key, [&](std::int64_t first, std::int64_t many) {
    return space.scale(sequence.points(first, many));
  });
}

Values uniform(const Space& space, std::int64_t count, const RandomKey& key) {
  const std::int64_t dimension = dimension_of(space);
  require_count(count, most_numbers() / dimension, "points");
  return take_feasible(space, 0, count, key, [&](std::int64_t first, std::int64_t many) {
    torch::Tensor unit = at::empty({many, dimension}, torch::kFloat64);
    auto* out = unit.mutable_data_ptr<double>();
    for (std::int64_t i = first; i < first + many; ++i) {
      for (std::int64_t j = 0; j < dimension; ++j) *out++ = key.with(i).with(j).uniform();
    }
    return space.scale(unit);
  });
}

Values latin_hypercube(const Space& space, std::int64_t count, const RandomKey& key) {
  const std::int64_t dimension = dimension_of(space);
  require_count(count, most_numbers() / dimension, "points");
  // A part of a Latin hypercube is none: the number of strata grows until enough of the points are feasible.
  for (std::int64_t strata = count;; strata += strata / 2 + 1) {
    const Values points = space.scale(latin_unit(dimension, strata, key));
    if (!has_conditions(space)) return points;
    const Values good = feasible_of(space, points);
    if (batch_size(good) < count) {
      if (strata <= most_tries * (batch_size(good) + 1)) continue;
      return detail::RarePoints(space, key).points(0, count);
    }
    Values kept;
    for (const auto& [name, tensor] : good) kept.set(name, tensor.narrow(0, 0, count));
    return kept;
  }
}

Values maximin(const Space& space, std::int64_t count, const RandomKey& key, std::int64_t sweeps) {
  const std::int64_t d = dimension_of(space);
  require_count(count, 4096, "points, for maximin");
  if (has_conditions(space)) {
    throw ConfigError({"assay.config.range", "space", "a space without conditions, for maximin", "one with conditions",
                       "use latin_hypercube or sobol"});
  }
  torch::Tensor unit = latin_unit(d, count, key);
  auto* x = unit.mutable_data_ptr<double>();
  // Squared distances, and the sum of their -7.5th powers: distances to the -15th.
  std::vector<double> squared(static_cast<std::size_t>(count * count), 0.0);
  const auto at = [&](std::int64_t i, std::int64_t j) -> double& {
    return squared[static_cast<std::size_t>(i * count + j)];
  };
  const auto cost = [](double distance) { return std::pow(std::max(distance, 1e-12), -7.5); };
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      for (std::int64_t k = 0; k < d; ++k) at(i, j) += (x[i * d + k] - x[j * d + k]) * (x[i * d + k] - x[j * d + k]);
    }
  }
  // What exchanging variable k between points a and b does to the distance of point j from one of them.
  const auto moved = [&](std::int64_t j, std::int64_t k, double from, double to) {
    const double here = x[j * d + k];
    return (here - to) * (here - to) - (here - from) * (here - from);
  };
  for (std::int64_t trial = 0; count > 1 && trial < sweeps * count; ++trial) {
    const RandomKey draw = key.with("exchange").with(trial);
    const auto pick = [&](int what, std::int64_t below) {
      return std::min(below - 1, static_cast<std::int64_t>(draw.with(what).uniform() * static_cast<double>(below)));
    };
    const std::int64_t a = trial % count, b = (a + 1 + pick(0, count - 1)) % count, k = pick(1, d);
    const double xa = x[a * d + k], xb = x[b * d + k];
    double change = 0;
    for (std::int64_t j = 0; j < count; ++j) {
      if (j == a || j == b) continue;
      change += cost(at(a, j) + moved(j, k, xa, xb)) - cost(at(a, j)) + cost(at(b, j) + moved(j, k, xb, xa)) -
                cost(at(b, j));
    }
    if (change >= 0) continue;
    for (std::int64_t j = 0; j < count; ++j) {
      if (j == a || j == b) continue;
      at(a, j) = at(j, a) = at(a, j) + moved(j, k, xa, xb);
      at(b, j) = at(j, b) = at(b, j) + moved(j, k, xb, xa);
    }
    std::swap(x[a * d + k], x[b * d + k]);
  }
  return space.scale(unit);
}

Values grid(const Space& space, std::int64_t levels) {
  require_count(levels, 1 << 20, "levels");
  std::vector<std::int64_t> sizes;
  std::int64_t total = 1;
  for (const Variable& variable : space.variables()) {
    sizes.push_back(std::min(levels, Space::levels(variable).value_or(levels)));
    if (sizes.back() > 0 && total > most_numbers() / sizes.back() / dimension_of(space)) {
      throw ConfigError({"assay.config.range", "/levels", "a grid that fits into memory",
                         std::to_string(levels) + " levels of " + std::to_string(sizes.size()) + " variables and more",
                         ""});
    }
    total *= sizes.back();
  }
  torch::Tensor unit = at::empty({total, dimension_of(space)}, torch::kFloat64);
  auto* out = unit.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < total; ++i) {
    std::int64_t rest = i;
    for (std::size_t j = sizes.size(); j-- > 0;) {
      const std::int64_t level = rest % sizes[j];
      rest /= sizes[j];
      const bool whole = space.variables()[j].kind != Kind::real;
      // The middle of a whole number's share when all are taken; else both ends and evenly between.
      const double steps = static_cast<double>(std::max<std::int64_t>(sizes[j] - 1, 1));
      const bool all = whole && sizes[j] == *Space::levels(space.variables()[j]) &&
                       space.variables()[j].scale == Scale::linear;
      out[static_cast<std::size_t>(i) * sizes.size() + j] =
          all ? (static_cast<double>(level) + 0.5) / static_cast<double>(sizes[j]) : static_cast<double>(level) / steps;
    }
  }
  const Values points = feasible_of(space, space.scale(unit));
  if (total > 0 && batch_size(points) == 0) {
    throw ConfigError({"assay.space.feasible", "space", "at least one feasible point of the grid",
                       "none of " + std::to_string(total), "give more levels, or take another design"});
  }
  return points;
}

}  // namespace assay
