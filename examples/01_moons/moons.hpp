// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/random.hpp>
#include <assay/data/values.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>

namespace moons {

/// Two interleaving half circles with Gaussian noise, the classic toy classification set: `count` points as fields
/// `x` and `y` (float32), and their class `label` (int64), of which `share_of_first` are of class 0.
inline assay::Values make(std::int64_t count, double share_of_first, double noise, const assay::RandomKey& key) {
  torch::Tensor x = torch::empty(count), y = torch::empty(count), label = torch::empty(count, torch::kLong);
  const auto first = static_cast<std::int64_t>(std::llround(share_of_first * static_cast<double>(count)));
  for (std::int64_t i = 0; i < count; ++i) {
    const assay::RandomKey point = key.with(i);
    const bool upper = i < first;
    const double angle = std::numbers::pi * point.with("angle").uniform();
    // Box and Muller's pair of normal draws.
    const double radius = noise * std::sqrt(-2.0 * std::log(point.with("radius").uniform_open()));
    const double turn = 2.0 * std::numbers::pi * point.with("turn").uniform();
    x[i] = (upper ? std::cos(angle) : 1.0 - std::cos(angle)) + radius * std::cos(turn);
    y[i] = (upper ? std::sin(angle) : 0.5 - std::sin(angle)) + radius * std::sin(turn);
    label[i] = upper ? 0 : 1;
  }
  const torch::Tensor order = torch::tensor(assay::random_order(key.with("order"), [&] {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) ids[static_cast<std::size_t>(i)] = i;
    return ids;
  }()));
  return assay::Values{
      {"x", x.index_select(0, order)}, {"y", y.index_select(0, order)}, {"label", label.index_select(0, order)}};
}

}  // namespace moons
