// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct LcmdOptions {
  std::int64_t max_samples = 16;
  FeatureOptions features = {};
  bool labeled = true;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "features", .help = "what candidates are compared by"},
      OptionInfo{.name = "labeled", .help = "labeled samples count as chosen before"},
  };
};

/// Largest cluster, maximum distance: candidates are clustered around their nearest center; the largest cluster gives
/// its farthest member, which becomes a center.
///
/// Scores are the distances at the time of choosing. With its defaults this is LCMD-TP on sketched gradients, the best
/// of the paper's benchmark. Cost: `make_features`, then as the function `lcmd`.
/// Source: Holzmüller, Zaverkin, Kästner and Steinwart 2023, "A framework and benchmark for deep batch active learning
/// for regression", JMLR 24(164), section 4.2.
class Lcmd {
 public:
  static constexpr std::string_view key = "lcmd";
  static constexpr std::string_view summary = "the farthest of the largest cluster, on sketched gradients";

  explicit Lcmd(LcmdOptions options_ = {});
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const { return requirements_of(options.features); }

  LcmdOptions options;
};

}  // namespace assay
