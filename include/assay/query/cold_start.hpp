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

struct ColdStartOptions {
  AnyQuery start = Random();
  AnyQuery strategy = Random();
  std::int64_t labels = 1;

  static constexpr std::array describe{
      OptionInfo{.name = "start", .help = "asked while there are fewer labels"},
      OptionInfo{.name = "strategy", .help = "asked from then on"},
      OptionInfo{.name = "labels", .help = "labeled samples from which the learner is trusted", .min = 1},
  };
};

/// One strategy while the learner has seen few labels, another from then on: a model that has learnt nothing yet points
/// nowhere.
///
/// Cost: that of the strategy asked. Source: Hacohen, Dekel and Weinshall 2022, "Active learning on a budget: opposite
/// strategies suit high and low budgets".
class ColdStart {
 public:
  static constexpr std::string_view key = "cold_start";
  static constexpr std::string_view summary = "one strategy while labels are few, another from then on";

  explicit ColdStart(ColdStartOptions options_);
  Selection select(const QueryContext& context);
  CapabilitySet requirements() const;
  State save() const;
  void load(const State& state);

  ColdStartOptions options;
};

}  // namespace assay
