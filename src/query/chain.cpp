// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>
#include <assay/query/chain.hpp>

#include <unordered_set>

namespace assay {

Chain::Chain(ChainOptions options_) : options(std::move(options_)) {
  if (options.strategies.empty()) {
    throw ConfigError({"assay.config.required", "chain/strategies", "at least one query strategy", "none", ""});
  }
}

Selection Chain::select(const QueryContext& context) {
  Selection all;
  std::vector<std::int64_t> left(static_cast<std::size_t>(context.unlabeled().size()));
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<std::int64_t>(i);
  bool scored = true;
  for (std::size_t i = 0; i < options.strategies.size() && !left.empty(); ++i) {
    QueryInputs inputs = context.all();
    inputs.unlabeled = context.unlabeled().subset(left);
    inputs.random = context.random().with("chain").with(static_cast<std::int64_t>(i));
    const Selection picked = options.strategies[i].select(QueryContext(inputs));
    const std::string strategy = key_of(options.strategies[i].spec());
    std::unordered_set<std::int64_t> gone;
    for (std::size_t j = 0; j < picked.positions.size(); ++j) {
      const std::int64_t position = left.at(static_cast<std::size_t>(picked.positions[j]));
      gone.insert(position);
      all.positions.push_back(position);
      if (!picked.scores.empty()) all.scores.push_back(picked.scores[j]);
      all.strategies.push_back(picked.strategies.empty() ? strategy : picked.strategies[j]);
    }
    scored = scored && !picked.scores.empty();
    std::erase_if(left, [&](std::int64_t position) { return gone.contains(position); });
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
