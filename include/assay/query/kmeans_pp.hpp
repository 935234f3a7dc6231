// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct KMeansPpOptions {
  std::int64_t max_samples = 16;
  FeatureOptions features = {};
  bool labeled = true;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "features", .help = "what candidates are compared by"},
      OptionInfo{.name = "labeled", .help = "labeled samples count as chosen before"},
  };
};

/// Draws candidates with chances proportional to their squared distance from everything chosen.
///
/// Scores are the distances at the time of choosing. Cost: `make_features`, then as the function `kmeans_pp`.
/// Source: Arthur and Vassilvitskii 2007, "k-means++: the advantages of careful seeding"; as a batch method: Holzmüller
/// et al. 2023, JMLR 24(164), section 4.2.
class KMeansPp {
 public:
  static constexpr std::string_view key = "kmeans_pp";
  static constexpr std::string_view summary = "drawn by squared distance from what is chosen";

  explicit KMeansPp(KMeansPpOptions options_ = {});
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const { return requirements_of(options.features); }

  KMeansPpOptions options;
};

}  // namespace assay
