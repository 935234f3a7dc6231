// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct FrankWolfeOptions {
  std::int64_t max_samples = 16;
  FeatureOptions features = {.posterior = true};

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "features", .help = "what candidates are compared by"},
  };
};

/// ACS-FW: candidates whose weighted sum approximates the sum of all candidates.
///
/// Scores: see the function `frank_wolfe`. Cost: `make_features`, then one pass over them a pick.
/// Source: Pinsler, Gordon, Nalisnick and Hernández-Lobato 2019, "Bayesian batch active learning as sparse subset
/// approximation", algorithm 1, in the form of Holzmüller et al. 2023, JMLR 24(164).
class FrankWolfe {
 public:
  static constexpr std::string_view key = "frank_wolfe";
  static constexpr std::string_view summary = "a sparse approximation of all candidates";

  explicit FrankWolfe(FrankWolfeOptions options_ = {});
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const { return requirements_of(options.features); }

  FrankWolfeOptions options;
};

}  // namespace assay
