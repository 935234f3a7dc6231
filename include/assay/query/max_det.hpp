// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct MaxDetQueryOptions {
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

/// Greedy log-determinant: the candidate of largest variance given the labeled samples and those chosen.
///
/// The largest joint information a batch gives on a Bayesian linear regression in the features, as BatchBALD for
/// regression. Scores are the variances. Cost: `make_features`, then as the function `max_det`.
/// Errors: `ConfigError` for features that are posterior already: this method conditions on the labeled samples itself.
/// Source: Holzmüller et al. 2023, JMLR 24(164), section 4.2; Kirsch, van Amersfoort and Gal 2019, "BatchBALD".
class MaxDet {
 public:
  static constexpr std::string_view key = "max_det";
  static constexpr std::string_view summary = "largest variance given all chosen before";

  explicit MaxDet(MaxDetQueryOptions options_ = {});
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const { return requirements_of(options.features); }

  MaxDetQueryOptions options;
};

}  // namespace assay
