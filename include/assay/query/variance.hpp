// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

struct MaxVarianceOptions {
  std::int64_t max_samples = 16;
  std::int64_t diversity = 1;
  std::vector<std::string> targets = {};

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{
          .name = "diversity",
          .help = "pick at random among this many times max_samples of the highest variance; 1: the highest alone",
          .min = 1},
      OptionInfo{.name = "targets", .help = "whose variance counts; none named: all"},
  };
};

/// Picks where the learner's predictive variance is largest, each target component divided by its variance over the
/// labeled pool and averaged: for an ensemble, query by committee for regression.
///
/// The highest variances often lie side by side and teach the same thing; `diversity` > 1 draws the batch from a
/// longer list.
/// Cost: one forward pass over the candidates.
/// Source: Krogh and Vedelsby 1994, "Neural network ensembles, cross validation, and active learning", equation 5.
class MaxVariance {
 public:
  static constexpr std::string_view key = "variance";
  static constexpr std::string_view summary = "largest predictive variance";

  explicit MaxVariance(MaxVarianceOptions options_ = {}) : options(std::move(options_)) { require_valid(options, key); }
  Selection select(const QueryContextWith<Variance>& context) const;

  MaxVarianceOptions options;
};

}  // namespace assay
