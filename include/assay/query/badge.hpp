// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct BadgeOptions {
  std::int64_t max_samples = 16;
  std::int64_t sketch = 2048;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "sketch", .help = "larger gradients are projected to so many numbers; 0: never", .min = 0},
  };
};

/// BADGE: k-means++ on the gradients of the last layer, each candidate's most probable class taken for its label.
///
///     g(x) = h(x) ⊗ (p(x) - e_argmax p(x)),  h the embedding
///
/// Long gradients are uncertain ones, and distances keep the batch diverse. Scores are the distances at the time of
/// choosing. Cost: two forward passes over the candidates (embeddings, probabilities), then as `kmeans_pp`.
/// Source: Ash, Zhang, Krishnamurthy, Langford and Agarwal 2020, "Deep batch active learning by diverse, uncertain
/// gradient lower bounds", algorithm 1.
class Badge {
 public:
  static constexpr std::string_view key = "badge";
  static constexpr std::string_view summary = "k-means++ on gradients of the last layer, for classifiers";

  explicit Badge(BadgeOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<Embeddings, ClassProbabilities>& context) const;

  BadgeOptions options;
};

}  // namespace assay
