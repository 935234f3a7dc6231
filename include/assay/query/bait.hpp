// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct BaitQueryOptions {
  std::int64_t max_samples = 16;
  FeatureOptions features = {};
  bool labeled = true;
  double sigma = 0.1;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "features", .help = "what candidates are compared by"},
      OptionInfo{.name = "labeled", .help = "labeled samples count as chosen before"},
      OptionInfo{.name = "sigma", .help = "noise of a label, features having length one on average", .min = 0},
  };
};

/// BAIT, forward: the candidate that lowers the summed variance over candidates and labeled samples most.
///
/// Scores are the decreases. Cost: `make_features`, then as the function `bait`.
/// Errors: `ConfigError` for features that are posterior already: this method conditions on the labeled samples itself.
/// Source: Ash, Goel, Krishnamurthy and Kakade 2021, "Gone fishing: neural active learning with Fisher embeddings", in
/// the form of Holzmüller et al. 2023, JMLR 24(164), section 4.2.
class Bait {
 public:
  static constexpr std::string_view key = "bait";
  static constexpr std::string_view summary = "lowers the summed variance most";

  explicit Bait(BaitQueryOptions options_ = {});
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const { return requirements_of(options.features); }

  BaitQueryOptions options;
};

}  // namespace assay
