// SPDX-License-Identifier: Apache-2.0
#include "within.hpp"

#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>
#include <assay/query/chain.hpp>

namespace assay {

Chain::Chain(ChainOptions options_) : options(std::move(options_)) {
  if (options.strategies.empty()) {
    throw ConfigError({"assay.config.required", "chain/strategies", "at least one query strategy", "none", ""});
  }
}

Selection Chain::select(const QueryContext& context) {
  Selection all;
  std::vector<std::int64_t> left = detail::all_positions(context.unlabeled());
  bool scored = true;
  for (std::size_t i = 0; i < options.strategies.size() && !left.empty(); ++i) {
    const RandomKey random = context.random().with("chain").with(static_cast<std::int64_t>(i));
    const Selection picked = detail::select_within(options.strategies[i], context, left, random);
    detail::take_picks(picked, picked.positions.size(), all, left, scored);
  }
  if (!scored) all.scores.clear();
  return all;
}

CapabilitySet Chain::requirements() const {
  CapabilitySet all;
  for (const AnyQuery& strategy : options.strategies) all = all | strategy.requirements();
  return all;
}

State Chain::save() const { return detail::save_parts(options.strategies); }
void Chain::load(const State& state) { detail::load_parts(options.strategies, state); }

}  // namespace assay
