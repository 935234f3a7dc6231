// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct CoreSetOptions {
  std::int64_t max_samples = 16;

  static constexpr std::array describe{OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1}};
};

/// Covers the candidates: greedy k-center on the learner's embeddings, with the labeled samples as the first centers.
///
/// Scores are the distances to the nearest center at the time of picking.
/// Cost: one forward pass over candidates and labeled samples; O((labeled + max_samples) · candidates · d).
/// Source: Sener and Savarese 2018, "Active learning for convolutional neural networks: a core-set approach",
/// algorithm 1.
class CoreSet {
 public:
  static constexpr std::string_view key = "core_set";
  static constexpr std::string_view summary = "greedy k-center on embeddings";

  explicit CoreSet(CoreSetOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<Embeddings>& context) const;

  CoreSetOptions options;
};

}  // namespace assay
