// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct ProbCoverQueryOptions {
  std::int64_t max_samples = 16;
  FeatureOptions features = {.of = FeatureBase::embeddings, .unit_length = true};
  bool labeled = true;
  double radius = 0.5;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "features", .help = "what candidates are compared by"},
      OptionInfo{.name = "labeled", .help = "labeled samples count as chosen before"},
      OptionInfo{.name = "radius", .help = "a sample covers those at most this far away", .min = 0},
  };
};

/// ProbCover: the candidate whose ball holds most candidates that no ball holds yet.
///
/// Scores are those counts. Published on self-supervised embeddings of unit length, with the largest radius whose balls
/// hold one class in 95 % of cases; features here are also scaled to a mean squared length of one.
/// Cost: `make_features`, then as the function `prob_cover`.
/// Source: Yehuda, Dekel, Hacohen and Weinshall 2022, "Active learning through a covering lens", algorithm 1.
class ProbCover {
 public:
  static constexpr std::string_view key = "prob_cover";
  static constexpr std::string_view summary = "balls that cover most candidates";

  explicit ProbCover(ProbCoverQueryOptions options_ = {});
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const { return requirements_of(options.features); }

  ProbCoverQueryOptions options;
};

}  // namespace assay
