// SPDX-License-Identifier: Apache-2.0
#include "rare_points.hpp"

#include <assay/error.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

namespace assay::detail {

namespace {

constexpr std::size_t many = 256;
constexpr int most_stages = 100, most_shrinks = 12;

[[noreturn]] void no_designs(std::string expected, std::string got) {
  throw ConfigError({"assay.space.feasible", "space", std::move(expected), std::move(got),
                     "loosen the constraints, or change the ranges to where designs are possible"});
}

std::pair<double, double> values_of(const Variable& variable) {
  if (variable.kind == Kind::category) return {0, static_cast<double>(variable.categories.size()) - 1};
  if (variable.kind == Kind::integer) return {std::ceil(variable.low), std::floor(variable.high)};
  return {variable.low, variable.high};
}

double gaussian(const RandomKey& key) {
  return std::sqrt(-2 * std::log(key.with(0).uniform_open())) * std::cos(2 * std::numbers::pi * key.with(1).uniform());
}

/// A point that moves along a line.
struct Chord {
  std::size_t walker;
  std::vector<double> direction;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity(), t = 0;
};

}  // namespace

RarePoints::RarePoints(const Space& space, const RandomKey& key)
    : space_(space), key_(key.with("rare")), d_(space.variables().size()), stretch_(d_ * d_) {
  require_possible();
  for (std::size_t j = 0; j < d_; ++j) stretch_[j * d_ + j] = 1;
  find(key_.with("find"));
  spread(key_.with("spread"));
}

/// What no point of the box can satisfy is told at once.
void RarePoints::require_possible() {
  for (const Constraint& constraint : space_.constraints()) {
    double least = 0, most = 0;
    for (const Variable& variable : space_.variables()) {
      const auto term = constraint.terms.find(variable.name);
      if (term == constraint.terms.end()) continue;
      const auto [low, high] = values_of(variable);
      least += term->second * (term->second > 0 ? low : high);
      most += term->second * (term->second > 0 ? high : low);
    }
    if (constraint.at_least.value_or(least) > most || constraint.at_most.value_or(most) < least) {
      std::string terms;
      for (const auto& [name, factor] : constraint.terms)
        terms += (terms.empty() ? "" : " + ") + Json(factor).dump() + " " + name;
      no_designs("constraints that designs in the ranges can satisfy",
                 "'" + terms + "' is from " + Json(least).dump() + " to " + Json(most).dump());
    }
    widths_.push_back(most > least ? most - least : 1);
  }
}

Values RarePoints::designs(const std::vector<double>& unit) const {
  torch::Tensor points = at::empty({static_cast<std::int64_t>(unit.size() / d_), static_cast<std::int64_t>(d_)},
                                   torch::kFloat64);
  std::memcpy(points.mutable_data_ptr<double>(), unit.data(), unit.size() * sizeof(double));
  return space_.scale(points);
}

std::vector<double> RarePoints::wrong(const std::vector<double>& unit) const {
  const Values batch = designs(unit);
  const auto n = static_cast<std::int64_t>(unit.size() / d_);
  torch::Tensor total = at::zeros({n}, torch::kFloat64);
  for (std::size_t i = 0; i < space_.constraints().size(); ++i) {
    const Constraint& constraint = space_.constraints()[i];
    torch::Tensor sum = at::zeros({n}, torch::kFloat64);
    for (const auto& [name, factor] : constraint.terms) sum = sum + batch.at(name) * factor;
    if (constraint.at_least) total = total + (*constraint.at_least - sum).clamp_min(0) / widths_[i];
    if (constraint.at_most) total = total + (sum - *constraint.at_most).clamp_min(0) / widths_[i];
  }
  std::vector<double> all(total.const_data_ptr<double>(), total.const_data_ptr<double>() + n);
  // What the sums do not tell (predicates, a difference that rounds to nothing) is one step away from all that they do.
  const torch::Tensor good = space_.feasible(batch);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!good.const_data_ptr<bool>()[i]) all[i] += 1;
  }
  return all;
}

std::size_t RarePoints::step(Walkers& walkers, std::int64_t first, const RandomKey& key) const {
  std::vector<Chord> chords;
  chords.reserve(walkers.wrong.size());
  for (std::size_t i = 0; i < walkers.wrong.size(); ++i) {
    const RandomKey own = key.with(first + static_cast<std::int64_t>(i));
    std::vector<double> drawn(d_), direction(d_, 0.0);
    for (std::size_t j = 0; j < d_; ++j) drawn[j] = gaussian(own.with(static_cast<std::int64_t>(j)));
    const bool stretched = own.with("stretched").uniform() < 0.5;
    for (std::size_t j = 0; j < d_; ++j) {
      if (!stretched) direction[j] = drawn[j];
      for (std::size_t k = 0; stretched && k <= j; ++k) direction[j] += stretch_[j * d_ + k] * drawn[k];
    }
    Chord chord{.walker = i, .direction = std::move(direction)};
    for (std::size_t j = 0; j < d_; ++j) {
      const double slope = chord.direction[j], x = walkers.at[i * d_ + j];
      if (slope == 0) continue;
      chord.low = std::max(chord.low, (slope > 0 ? -x : 1 - x) / slope);
      chord.high = std::min(chord.high, (slope > 0 ? 1 - x : -x) / slope);
    }
    if (chord.low < chord.high) chords.push_back(std::move(chord));
  }
  std::size_t moved = 0;
  for (int shrink = 0; shrink < most_shrinks && !chords.empty(); ++shrink) {
    std::vector<double> proposed;
    proposed.reserve(chords.size() * d_);
    for (Chord& chord : chords) {
      const RandomKey own = key.with(first + static_cast<std::int64_t>(chord.walker));
      chord.t = chord.low + own.with("along").with(shrink).uniform() * (chord.high - chord.low);
      for (std::size_t j = 0; j < d_; ++j) {
        proposed.push_back(std::clamp(walkers.at[chord.walker * d_ + j] + chord.t * chord.direction[j], 0.0, 1.0));
      }
    }
    const std::vector<double> now = wrong(proposed);
    std::vector<Chord> left;
    for (std::size_t c = 0; c < chords.size(); ++c) {
      Chord& chord = chords[c];
      if (now[c] <= walkers.wrong[chord.walker]) {
        std::copy_n(proposed.begin() + static_cast<std::ptrdiff_t>(c * d_), d_,
                    walkers.at.begin() + static_cast<std::ptrdiff_t>(chord.walker * d_));
        walkers.wrong[chord.walker] = now[c];
        ++moved;
        continue;
      }
      (chord.t < 0 ? chord.low : chord.high) = chord.t;
      left.push_back(std::move(chord));
    }
    chords = std::move(left);
  }
  return moved;
}

/// The better half takes the place of the worse.
void RarePoints::crowd(Walkers& walkers) const {
  std::vector<std::size_t> order(walkers.wrong.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return walkers.wrong[a] < walkers.wrong[b]; });
  for (std::size_t i = 0; i < order.size() / 2; ++i) {
    const std::size_t good = order[i], bad = order[order.size() - 1 - i];
    if (walkers.wrong[bad] == 0) continue;
    std::copy_n(walkers.at.begin() + static_cast<std::ptrdiff_t>(good * d_), d_,
                walkers.at.begin() + static_cast<std::ptrdiff_t>(bad * d_));
    walkers.wrong[bad] = walkers.wrong[good];
  }
}

/// Takes the walkers' covariance for that of directions. \return the logarithm of its root's volume.
double RarePoints::stretch(const Walkers& walkers) {
  const std::size_t n = walkers.wrong.size();
  std::vector<double> mean(d_), covariance(d_ * d_);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d_; ++j) mean[j] += walkers.at[i * d_ + j] / static_cast<double>(n);
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d_; ++j) {
      for (std::size_t k = 0; k <= j; ++k) {
        covariance[j * d_ + k] += (walkers.at[i * d_ + j] - mean[j]) * (walkers.at[i * d_ + k] - mean[k]) /
                                  static_cast<double>(n);
      }
    }
  }
  // Cholesky's factor; what rounding makes of a flat set stays above nothing.
  double volume = 0;
  for (std::size_t j = 0; j < d_; ++j) {
    for (std::size_t k = 0; k <= j; ++k) {
      double sum = covariance[j * d_ + k];
      for (std::size_t l = 0; l < k; ++l) sum -= stretch_[j * d_ + l] * stretch_[k * d_ + l];
      stretch_[j * d_ + k] = j == k ? std::sqrt(std::max(sum, 1e-24)) : sum / stretch_[k * d_ + k];
    }
    volume += std::log(stretch_[j * d_ + j]);
  }
  return volume;
}

void RarePoints::find(const RandomKey& key) {
  walkers_.at.resize(many * d_);
  for (std::size_t i = 0; i < walkers_.at.size(); ++i)
    walkers_.at[i] = key.with("start").with(static_cast<std::int64_t>(i)).uniform();
  walkers_.wrong = wrong(walkers_.at);
  const auto all_good = [&] {
    return std::all_of(walkers_.wrong.begin(), walkers_.wrong.end(), [](double w) { return w == 0; });
  };
  for (int stage = 0; stage < most_stages && !all_good(); ++stage) {
    crowd(walkers_);
    stretch(walkers_);
    for (std::size_t s = 0; s < 4 + d_ / 2; ++s) step(walkers_, 0, key.with(stage).with(static_cast<std::int64_t>(s)));
  }
  if (all_good()) return;
  const double nearest = *std::min_element(walkers_.wrong.begin(), walkers_.wrong.end());
  no_designs("designs that satisfy every condition",
             nearest > 0 ? "none was found" : "fewer than can be told from none");
}

/// Until the walkers fill what is feasible: their volume grows no more.
void RarePoints::spread(const RandomKey& key) {
  constexpr int looks = 4;
  std::vector<double> volumes;
  for (int stage = 0; stage < most_stages; ++stage) {
    std::size_t moved = 0;
    for (std::size_t s = 0; s < 10 + 2 * d_; ++s)
      moved += step(walkers_, 0, key.with(stage).with(static_cast<std::int64_t>(s)));
    if (moved < many / 8) {
      no_designs("feasible designs with others beside them",
                 "single ones, as an equation of real numbers leaves: say by "
                 "it what one variable is, and leave that out");
    }
    volumes.push_back(stretch(walkers_));
    const std::size_t n = volumes.size();
    if (n > looks && volumes[n - 1] < volumes[n - 1 - looks] + 0.05 * static_cast<double>(d_)) return;
  }
}

Values RarePoints::points(std::int64_t first, std::int64_t count) const {
  Walkers walkers{.at = {}, .wrong = std::vector<double>(static_cast<std::size_t>(count), 0.0)};
  walkers.at.reserve(static_cast<std::size_t>(count) * d_);
  for (std::int64_t i = first; i < first + count; ++i) {
    const auto from = walkers_.at.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) % many * d_);
    walkers.at.insert(walkers.at.end(), from, from + static_cast<std::ptrdiff_t>(d_));
  }
  const RandomKey key = key_.with("points");
  for (std::size_t s = 0; s < 20 * d_ + 50; ++s) step(walkers, first, key.with(static_cast<std::int64_t>(s)));
  return designs(walkers.at);
}

}  // namespace assay::detail
