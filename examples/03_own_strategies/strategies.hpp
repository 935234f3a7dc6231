// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pendulum.hpp"

#include <assay/concepts/metrology_strategy.hpp>
#include <assay/concepts/query_strategy.hpp>
#include <assay/select/top_k.hpp>

#include <array>
#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string>

// Strategies of the program's own: plain structs. With a key and options they can be registered and rebuilt from a
// checkpoint; without, they work all the same in the program that made them.

struct NearUprightOptions {
  std::int64_t max_samples = 8;
  double weight = 1.0;
};

/// Uncertain states, the more so the closer to the upright position, where small errors decide which way it falls.
struct NearUpright {
  static constexpr std::string_view key = "near_upright";
  NearUprightOptions options;

  assay::Selection select(const assay::QueryContextWith<assay::Variance>& context) const {
    const torch::Tensor upright = (1 - context.unlabeled().value("angle").cos()) / 2;
    const torch::Tensor score = context.learner().variance(context.unlabeled()) * (1 + options.weight * upright);
    return assay::top_k(score, options.max_samples, context.unlabeled().ids());
  }
};

struct RolloutOptions {
  double dt = 0.02;
  std::int64_t steps = 100;
};

/// Runs the surrogate inside a time integrator against the true model, from a few starts: what counts in the end is not
/// the error of one evaluation but where the trajectory goes. The trajectories of each round are kept among the
/// campaign's artifacts.
struct Rollout {
  static constexpr std::string_view key = "rollout";
  RolloutOptions options;

  assay::Measurements measure(const assay::MetrologyContext& context) const {
    constexpr std::array<pendulum::State, 4> starts{{{0.5, 0}, {1.5, 0}, {2.5, 0}, {0, 5}}};
    const auto surrogate = [&](const pendulum::State& s) {
      const assay::Values point{{"angle", std::vector<double>{s.angle}}, {"velocity", std::vector<double>{s.velocity}}};
      return context.learner().predict(point)["acceleration"].item<double>();
    };
    double worst = 0;
    std::ofstream table(context.artifacts(key) / ("round_" + std::to_string(context.round()) + ".csv"));
    table << "start,time,angle,predicted\n";
    for (const pendulum::State& start : starts) {
      pendulum::State truth = start, predicted = start;
      for (std::int64_t i = 0; i < options.steps; ++i) {
        truth = pendulum::step(truth, options.dt, pendulum::acceleration);
        predicted = pendulum::step(predicted, options.dt, surrogate);
        worst = std::max(worst, std::abs(truth.angle - predicted.angle));
        table << &start - starts.data() << ',' << static_cast<double>(i + 1) * options.dt << ',' << truth.angle << ','
              << predicted.angle << '\n';
      }
    }
    if (!table.flush()) throw std::runtime_error("rollout: its table could not be written");
    return {{"rollout_error", worst}};
  }
};
