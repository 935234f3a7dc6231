// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <optional>
#include <string_view>

namespace assay {

struct ProbCoverQueryOptions {
  std::int64_t max_samples = 16;
  FeatureOptions features = {.of = FeatureBase::embeddings, .unit_length = true};
  bool labeled = true;
  std::optional<double> radius = std::nullopt;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "features", .help = "what candidates are compared by"},
      OptionInfo{.name = "labeled", .help = "labeled samples count as chosen before"},
      OptionInfo{.name = "radius",
                 .help = "a sample covers those at most this far away; null: the published rule's",
                 .min = 0},
  };
};

/// ProbCover: the candidate whose ball holds most candidates that no ball holds yet.
///
/// Scores are those counts. Without a radius it is `pure_radius`, anew each round, of the candidates and (with
/// `labeled`) the labeled samples, with as many clusters as the learner has classes, or 10. Published on
/// self-supervised embeddings of unit length; features here are also scaled to a mean squared length of one. Cost:
/// `make_features`, then as the functions `pure_radius` and `prob_cover`. Source: Yehuda, Dekel, Hacohen and Weinshall
/// 2022, "Active learning through a covering lens", section 3.
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
