// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_query.hpp>
#include <assay/options.hpp>
#include <assay/query/random.hpp>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct FilterOptions {
  AnyQuery strategy = Random();
  std::string predicate = "";

  static constexpr std::array describe{
      OptionInfo{.name = "strategy", .help = "asked on the candidates that may be picked"},
      OptionInfo{.name = "predicate", .help = "name under which the program registered it", .required = true},
  };
};

/// Another strategy on the candidates that a predicate lets through: what can be built, is not known to fail, fits the
/// machine that is free.
///
///     Filter({.strategy = MaxVariance(), .predicate = "thick_enough"}, [](const Values& x) { return x["t"] > 0.2; })
///
/// Cost: the predicate on blocks of 8,192 candidates; then that of the strategy on those it lets through.
/// Errors: `ConfigError` for an empty predicate; `ShapeError` `assay.query.predicate` if it does not give [n] of true
/// and false.
class Filter {
 public:
  /// A batch of n candidates → [n] of true and false.
  using Predicate = std::function<torch::Tensor(const Values&)>;

  static constexpr std::string_view key = "filter";
  static constexpr std::string_view summary = "another strategy on the candidates that a predicate lets through";

  Filter(FilterOptions options_, Predicate predicate);
  Selection select(const QueryContext& context);
  CapabilitySet requirements() const;
  State save() const;
  void load(const State& state);

  FilterOptions options;

 private:
  Predicate predicate_;
};

}  // namespace assay
