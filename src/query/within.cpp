// SPDX-License-Identifier: Apache-2.0
#include "within.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>

namespace assay::detail {

Selection select_within(AnyQuery& strategy, const QueryContext& context, std::span<const std::int64_t> positions,
                        const RandomKey& random) {
  QueryInputs inputs = context.all();
  inputs.unlabeled = context.unlabeled().subset(positions);
  inputs.random = random;
  Selection picked = strategy.select(QueryContext(inputs));
  for (std::int64_t& position : picked.positions) position = positions[static_cast<std::size_t>(position)];
  if (picked.strategies.empty()) picked.strategies.assign(picked.positions.size(), key_of(strategy.spec()));
  return picked;
}

void take_picks(const Selection& more, std::size_t count, Selection& all, std::vector<std::int64_t>& left,
                bool& scored) {
  std::unordered_set<std::int64_t> gone;
  for (std::size_t i = 0; i < std::min(count, more.positions.size()); ++i) {
    gone.insert(more.positions[i]);
    all.positions.push_back(more.positions[i]);
    if (!more.scores.empty()) all.scores.push_back(more.scores[i]);
    all.strategies.push_back(more.strategies[i]);
  }
  scored = scored && (!more.scores.empty() || gone.empty());
  std::erase_if(left, [&](std::int64_t position) { return gone.contains(position); });
}

std::vector<std::int64_t> all_positions(const PoolView& pool) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(pool.size()));
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

}  // namespace assay::detail
