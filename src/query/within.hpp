// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_query.hpp>

#include <span>

namespace assay::detail {

/// What `strategy` picks of the candidates at `positions`, as positions in the context's own view, each with the key of
/// the strategy that picked it.
Selection select_within(AnyQuery& strategy, const QueryContext& context, std::span<const std::int64_t> positions,
                        const RandomKey& random);

/// Adds the first `count` picks of `more` to `all`, and takes them out of `left`. `scored` ends false if a part has no
/// scores.
void take_picks(const Selection& more, std::size_t count, Selection& all, std::vector<std::int64_t>& left,
                bool& scored);

std::vector<std::int64_t> all_positions(const PoolView& pool);

}  // namespace assay::detail
