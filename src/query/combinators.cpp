// SPDX-License-Identifier: Apache-2.0
// Strategies that ask other strategies about some of the candidates.
#include "within.hpp"

#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>
#include <assay/query/cold_start.hpp>
#include <assay/query/filter.hpp>
#include <assay/query/mix.hpp>
#include <assay/query/random_share.hpp>
#include <assay/query/subsample.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <sstream>

namespace assay {

Subsample::Subsample(SubsampleOptions options_) : options(std::move(options_)) { require_valid(options, key); }

Selection Subsample::select(const QueryContext& context) {
  std::vector<std::int64_t> drawn = random_order(context.random().with("subsample"), context.unlabeled().ids());
  drawn.resize(std::min(drawn.size(), static_cast<std::size_t>(options.candidates)));
  std::sort(drawn.begin(), drawn.end());
  return detail::select_within(options.strategy, context, drawn, context.random().with("within"));
}

CapabilitySet Subsample::requirements() const { return options.strategy.requirements(); }
State Subsample::save() const { return options.strategy.save(); }
void Subsample::load(const State& state) { options.strategy.load(state); }

Filter::Filter(FilterOptions options_, Predicate predicate)
    : options(std::move(options_)), predicate_(std::move(predicate)) {
  if (!predicate_) throw ConfigError({"assay.query.predicate", "filter", "a predicate", "an empty function", ""});
}

Selection Filter::select(const QueryContext& context) {
  constexpr std::int64_t block_rows = 8192;
  const PoolView& pool = context.unlabeled();
  std::vector<std::int64_t> allowed;
  for (std::int64_t first = 0; first < pool.size(); first += block_rows) {
    const std::int64_t count = std::min(block_rows, pool.size() - first);
    const torch::Tensor answer = predicate_(pool.slice(first, count));
    if (!answer.defined() || answer.scalar_type() != torch::kBool || answer.numel() != count) {
      std::ostringstream got;
      if (answer.defined()) {
        got << answer.scalar_type() << ' ' << answer.sizes();
      } else {
        got << "an undefined tensor";
      }
      throw ShapeError({"assay.query.predicate", "filter/" + options.predicate,
                        "[" + std::to_string(count) + "] of true and false", got.str(), ""});
    }
    const torch::Tensor kept = answer.flatten().to(torch::kCPU).contiguous();
    for (std::int64_t i = 0; i < count; ++i) {
      if (kept.const_data_ptr<bool>()[i]) allowed.push_back(first + i);
    }
  }
  return detail::select_within(options.strategy, context, allowed, context.random());
}

CapabilitySet Filter::requirements() const { return options.strategy.requirements(); }
State Filter::save() const { return options.strategy.save(); }
void Filter::load(const State& state) { options.strategy.load(state); }

Mix::Mix(MixOptions options_) : options(std::move(options_)) {
  require_valid(options, key);
  if (options.strategies.empty()) {
    throw ConfigError({"assay.config.required", "mix/strategies", "at least one query strategy", "none", ""});
  }
  const double sum = std::accumulate(options.shares.begin(), options.shares.end(), 0.0);
  if (options.shares.empty() || (options.shares.size() == options.strategies.size() && sum > 0)) return;
  throw ConfigError({"assay.config.value", "mix/shares", "a share for each strategy, above 0 in all",
                     std::to_string(options.shares.size()) + " shares for " +
                         std::to_string(options.strategies.size()) + " strategies, " + std::to_string(sum) + " in all",
                     ""});
}

Selection Mix::select(const QueryContext& context) {
  const std::vector<double> equal(options.strategies.size(), 1);
  const std::vector<double>& shares = options.shares.empty() ? equal : options.shares;
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  Selection all;
  std::vector<std::int64_t> left = detail::all_positions(context.unlabeled());
  bool scored = true;
  double share = 0;
  for (std::size_t i = 0; i < options.strategies.size() && !left.empty(); ++i) {
    // Rounded sums, not rounded shares, and counted from the start: they add up, and a shortfall goes on.
    share += shares[i];
    const auto upto = static_cast<std::size_t>(std::llround(share / sum * static_cast<double>(options.max_samples)));
    if (upto <= all.positions.size()) continue;
    const RandomKey random = context.random().with("mix").with(static_cast<std::int64_t>(i));
    const Selection picked = detail::select_within(options.strategies[i], context, left, random);
    detail::take_picks(picked, upto - all.positions.size(), all, left, scored);
  }
  if (!scored) all.scores.clear();
  return all;
}

CapabilitySet Mix::requirements() const {
  CapabilitySet all;
  for (const AnyQuery& strategy : options.strategies) all = all | strategy.requirements();
  return all;
}

State Mix::save() const { return detail::save_parts(options.strategies); }
void Mix::load(const State& state) { detail::load_parts(options.strategies, state); }

RandomShare::RandomShare(RandomShareOptions options_) : options(std::move(options_)) { require_valid(options, key); }

Selection RandomShare::select(const QueryContext& context) {
  Selection picked = detail::select_within(options.strategy, context, detail::all_positions(context.unlabeled()),
                                           context.random());
  const std::size_t size = picked.positions.size();
  const double wanted = options.share * static_cast<double>(size), whole = std::floor(wanted);
  const RandomKey random = context.random().with(key);
  const bool one_more = random.with("rest").uniform() < wanted - whole;
  const std::size_t count = static_cast<std::size_t>(whole) + (one_more ? 1 : 0);
  std::vector<std::int64_t> drawn = random_order(random.with("draw"), context.unlabeled().ids());
  drawn.resize(std::min(drawn.size(), count));
  const std::set<std::int64_t> uniform(drawn.begin(), drawn.end());
  Selection mixed;
  for (std::size_t i = 0; i < size && mixed.positions.size() + drawn.size() < size; ++i) {
    if (uniform.contains(picked.positions[i])) continue;
    mixed.positions.push_back(picked.positions[i]);
    mixed.strategies.push_back(std::move(picked.strategies[i]));
  }
  for (const std::int64_t position : drawn) {
    mixed.positions.push_back(position);
    mixed.strategies.emplace_back(key);
  }
  return mixed;
}

CapabilitySet RandomShare::requirements() const { return options.strategy.requirements(); }
State RandomShare::save() const { return options.strategy.save(); }
void RandomShare::load(const State& state) { options.strategy.load(state); }

ColdStart::ColdStart(ColdStartOptions options_) : options(std::move(options_)) { require_valid(options, key); }

Selection ColdStart::select(const QueryContext& context) {
  AnyQuery& asked = context.labeled().size() < options.labels ? options.start : options.strategy;
  return detail::select_within(asked, context, detail::all_positions(context.unlabeled()), context.random());
}

CapabilitySet ColdStart::requirements() const { return options.start.requirements() | options.strategy.requirements(); }

State ColdStart::save() const { return detail::save_parts(std::vector<AnyQuery>{options.start, options.strategy}); }

void ColdStart::load(const State& state) {
  std::vector<AnyQuery> parts{options.start, options.strategy};
  detail::load_parts(parts, state);
  options.start = std::move(parts[0]);
  options.strategy = std::move(parts[1]);
}

}  // namespace assay
