// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_metrology.hpp>
#include <assay/options.hpp>

#include <array>
#include <string_view>
#include <vector>

namespace assay {

struct MetricsOptions {
  std::vector<AnyMetrology> metrics = {};

  static constexpr std::array describe{
      OptionInfo{.name = "metrics", .help = "asked one after the other", .required = true}};
};

/// Several metrology strategies in one slot, sharing the round's predictions:  `Metrics(Rmse{}, MaxError{})`.
class Metrics {
 public:
  static constexpr std::string_view key = "metrics";
  static constexpr std::string_view summary = "several metrology strategies in one slot";

  explicit Metrics(MetricsOptions options_) : options(std::move(options_)) {}
  template <class... Strategies>
    requires(sizeof...(Strategies) > 0 && (MetrologyStrategy<Strategies> && ...))
  explicit Metrics(Strategies... strategies) : options{{AnyMetrology(std::move(strategies))...}} {}

  Measurements measure(const MetrologyContext& context);
  CapabilitySet requirements() const;
  std::optional<std::vector<std::string>> metric_names() const;
  State save() const;
  void load(const State& state);

  MetricsOptions options;
};

}  // namespace assay
