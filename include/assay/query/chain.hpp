// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_query.hpp>
#include <assay/options.hpp>

#include <array>
#include <string_view>
#include <vector>

namespace assay {

struct ChainOptions {
  std::vector<AnyQuery> strategies = {};

  static constexpr std::array describe{
      OptionInfo{.name = "strategies", .help = "asked one after the other", .required = true}};
};

/// Several query strategies in one slot: each picks from what the ones before it left, and every pick remembers which
/// strategy made it.
///
///     Chain({{MaxVariance({.max_samples = 12}), Random({.max_samples = 4})}})
class Chain {
 public:
  static constexpr std::string_view key = "chain";
  static constexpr std::string_view summary = "several strategies, each picking from what the others left";

  /// Errors: `ConfigError` for no strategies.
  explicit Chain(ChainOptions options);

  Selection select(const QueryContext& context);
  CapabilitySet requirements() const;
  State save() const;
  void load(const State& state);

  ChainOptions options;
};

}  // namespace assay
