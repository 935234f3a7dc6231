// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/random.hpp>
#include <assay/data/sample.hpp>
#include <assay/options.hpp>
#include <assay/query/selection.hpp>

#include <torch/types.h>

#include <array>
#include <span>

namespace assay {

struct StochasticOptions {
  double beta = 1;

  static constexpr std::array describe{
      OptionInfo{.name = "beta", .help = "0: at random; large: the highest scores", .min = 0}};
};

/// `max_samples` drawn without replacement with chances proportional to score^beta.
///
///     the largest of  beta log s_i + G_i,   G_i Gumbel variables keyed by `random` and the sample's id
///
/// Shapes: `scores` [n], >= 0; a sample of score 0 comes after all others (unless beta is 0), lowest ids first.
/// The Selection's scores are those given. Cost: O(n log max_samples).
/// Errors: `DataError` `assay.query.scores` for NaN or a negative score; `ShapeError` if `scores` is not [n].
/// Source: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal 2023, "Stochastic batch acquisition: a
/// simple baseline for deep active learning", section 3 (power).
Selection power_top_k(const torch::Tensor& scores, std::int64_t max_samples, const RandomKey& random,
                      const StochasticOptions& options = {}, std::span<const SampleId> ids = {});

/// The same with chances proportional to exp(beta score): the largest of beta s_i + G_i. Scores may be negative.
Selection softmax_top_k(const torch::Tensor& scores, std::int64_t max_samples, const RandomKey& random,
                        const StochasticOptions& options = {}, std::span<const SampleId> ids = {});

}  // namespace assay
