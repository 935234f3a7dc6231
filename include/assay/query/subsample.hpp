// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_query.hpp>
#include <assay/options.hpp>
#include <assay/query/random.hpp>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace assay {

struct SubsampleOptions {
  AnyQuery strategy = Random();
  std::int64_t candidates = 10000;

  static constexpr std::array describe{
      OptionInfo{.name = "strategy", .help = "asked on the candidates drawn"},
      OptionInfo{.name = "candidates", .help = "drawn at random each round", .min = 1},
  };
};

/// Another strategy on a random part of the candidates, drawn anew each round: for pools larger than it can look at.
///
/// With a pool that computes its samples when asked (any `DataPool`) these are fresh candidates in every round.
/// Cost: a draw for each candidate; then that of the strategy on `candidates` of them.
class Subsample {
 public:
  static constexpr std::string_view key = "subsample";
  static constexpr std::string_view summary = "another strategy on candidates drawn anew each round";

  explicit Subsample(SubsampleOptions options_);
  Selection select(const QueryContext& context);
  CapabilitySet requirements() const;
  State save() const;
  void load(const State& state);

  SubsampleOptions options;
};

}  // namespace assay
