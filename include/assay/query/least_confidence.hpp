// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct LeastConfidenceOptions {
  std::int64_t max_samples = 16;

  static constexpr std::array describe{OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1}};
};

/// Picks where the most probable class is least probable:  1 - max_c p(c | x).
///
/// Cost: one forward pass over the candidates.
/// Source: Lewis and Gale 1994, "A sequential algorithm for training text classifiers".
class LeastConfidence {
 public:
  static constexpr std::string_view key = "least_confidence";
  static constexpr std::string_view summary = "classes whose best guess is least probable";

  explicit LeastConfidence(LeastConfidenceOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<ClassProbabilities>& context) const;

  LeastConfidenceOptions options;
};

}  // namespace assay
