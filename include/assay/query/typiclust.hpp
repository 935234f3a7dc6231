// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/features.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct TypiclustQueryOptions {
  std::int64_t max_samples = 16;
  FeatureOptions features = {.of = FeatureBase::embeddings, .unit_length = true};
  bool labeled = true;
  std::int64_t max_clusters = 500;
  std::int64_t neighbors = 20;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "features", .help = "what candidates are compared by"},
      OptionInfo{.name = "labeled", .help = "labeled samples count as chosen before"},
      OptionInfo{.name = "max_clusters", .help = "at most so many clusters", .min = 1},
      OptionInfo{.name = "neighbors", .help = "nearest members that typicality looks at", .min = 1},
  };
};

/// TypiClust: the most typical candidate of each of the largest clusters without labels: for the first, few labels.
///
/// Published on self-supervised embeddings of unit length; here on the learner's, whose first round knows little: give
/// `features.of = inputs` where inputs are meaningful distances. Cost: `make_features`, then as the function
/// `typiclust`. Source: Hacohen, Dekel and Weinshall 2022, "Active learning on a budget: opposite strategies suit high
/// and low budgets", algorithm 1.
class Typiclust {
 public:
  static constexpr std::string_view key = "typiclust";
  static constexpr std::string_view summary = "typical members of large clusters without labels";

  explicit Typiclust(TypiclustQueryOptions options_ = {});
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const { return requirements_of(options.features); }

  TypiclustQueryOptions options;
};

}  // namespace assay
