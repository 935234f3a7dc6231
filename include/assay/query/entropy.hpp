// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct EntropyOptions {
  std::int64_t max_samples = 16;

  static constexpr std::array describe{OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1}};
};

/// Picks where the predicted distribution over classes has the largest entropy:  -Σ_c p(c | x) ln p(c | x).
///
/// Cost: one forward pass over the candidates.
/// Source: Shannon 1948, "A mathematical theory of communication"; Settles 2009, "Active learning literature survey",
/// section 3.1.
class Entropy {
 public:
  static constexpr std::string_view key = "entropy";
  static constexpr std::string_view summary = "classes whose distribution has the largest entropy";

  explicit Entropy(EntropyOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<ClassProbabilities>& context) const;

  EntropyOptions options;
};

}  // namespace assay
