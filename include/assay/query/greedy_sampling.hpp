// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

enum class GreedySpace { inputs, outputs, both };

struct GreedySamplingOptions {
  std::int64_t max_samples = 16;
  GreedySpace space = GreedySpace::both;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "space", .help = "inputs: GSx; outputs: GSy; both: iGS"},
  };
};

/// Greedy sampling: the candidate farthest from all labeled and chosen samples in inputs, outputs, or both.
///
///     GSx: min_m |x - x_m|      GSy: min_m |f(x) - y_m|      iGS: min_m |x - x_m| · |f(x) - y_m|
///
/// Inputs are standardised over the labeled samples, outputs divided by their standard deviation there; a chosen
/// candidate's output is its prediction. Scores are those distances. For regression with any learner. Cost: one
/// prediction of the candidates; (labeled + max_samples) × candidates × (inputs + outputs).
/// Source: Wu, Lin and Huang 2019, "Active learning for regression using greedy sampling", algorithms 1 to 3. Without
/// labels the first pick is that of `k_center`, not the one nearest the centroid.
class GreedySampling {
 public:
  static constexpr std::string_view key = "greedy_sampling";
  static constexpr std::string_view summary = "farthest in inputs, outputs or both (GSx, GSy, iGS)";

  explicit GreedySampling(GreedySamplingOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContext& context) const;

  GreedySamplingOptions options;
};

}  // namespace assay
