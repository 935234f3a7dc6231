// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_query.hpp>
#include <assay/options.hpp>
#include <assay/query/random.hpp>

#include <array>
#include <string_view>

namespace assay {

struct RandomShareOptions {
  AnyQuery strategy = Random();
  double share = 0.1;

  static constexpr std::array describe{
      OptionInfo{.name = "strategy", .help = "picks the others"},
      OptionInfo{.name = "share", .help = "of its picks that uniform draws take the place of", .min = 0, .max = 1},
  };
};

/// A strategy whose last picks are replaced by candidates drawn uniformly from all, picked or not.
///
/// The driver predicts labels before the learner sees them; the errors of the uniform part alone are an unbiased
/// estimate of its error over the candidates: `random_share_rmse` with its 95 % interval. A share that is no whole
/// number of samples is rounded up or down at random, right on average. Every pick remembers who made it.
/// Cost: that of the strategy, and a draw for each candidate.
class RandomShare {
 public:
  static constexpr std::string_view key = "random_share";
  static constexpr std::string_view summary = "a strategy, and some uniform draws that its error is measured on";

  explicit RandomShare(RandomShareOptions options_);
  Selection select(const QueryContext& context);
  CapabilitySet requirements() const;
  State save() const;
  void load(const State& state);

  RandomShareOptions options;
};

}  // namespace assay
