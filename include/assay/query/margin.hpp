// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct MarginOptions {
  std::int64_t max_samples = 16;

  static constexpr std::array describe{OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1}};
};

/// Picks where the two most probable classes are closest:  1 - (p(c1 | x) - p(c2 | x)).
///
/// Cost: one forward pass over the candidates.
/// Source: Scheffer, Decomain and Wrobel 2001, "Active hidden Markov models for information extraction".
class Margin {
 public:
  static constexpr std::string_view key = "margin";
  static constexpr std::string_view summary = "classes whose two best guesses are closest";

  explicit Margin(MarginOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<ClassProbabilities>& context) const;

  MarginOptions options;
};

}  // namespace assay
