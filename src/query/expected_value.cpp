// SPDX-License-Identifier: Apache-2.0
#include "outcome_models.hpp"
#include "within.hpp"

#include <assay/detail/guest.hpp>
#include <assay/learner/scaler.hpp>
#include <assay/query/expected_value.hpp>

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

namespace assay {

namespace {

constexpr std::int64_t most_simulations = 400, least_times = 10, judged_rows = 4096;

/// What is learnt of the simulations so far, as far as there are enough of them.
class Outlook {
 public:
  Outlook(const QueryContext& context, const ExpectedValueOptions& options) : learner_(context.learner()) {
    const SimulationHistory history = context.history();
    const std::int64_t n = std::min(history.size(), most_simulations);
    if (n == 0) return;
    const detail::GuestScope scope;
    at::set_num_threads(1);  // the matrices are small: threads would wait for each other
    const auto newest = [&](const torch::Tensor& rows) { return rows.narrow(0, history.size() - n, n); };
    const torch::Tensor x = newest(learner_.input_columns(history.inputs)), succeeded = newest(history.succeeded),
                        seconds = newest(history.seconds);
    scaler_ = Standardizer::fit(x);
    const std::int64_t successes = succeeded.sum().item<std::int64_t>();
    if (n - successes >= options.min_failures && successes > 0)
      success_ = detail::SuccessModel::fit(scaler_.apply(x), succeeded);
    const torch::Tensor timed = (seconds > 0).nonzero().flatten();  // of NaN it is false
    if (options.per_second && timed.numel() >= least_times)
      cost_ = detail::CostModel::fit(scaler_.apply(x.index_select(0, timed)), seconds.index_select(0, timed));
  }

  bool knows_success() const noexcept { return success_.has_value(); }
  bool knows_anything() const noexcept { return success_ || cost_; }
  /// P(success) of candidates, [n].
  torch::Tensor success(const PoolView& pool, std::span<const std::int64_t> positions) const {
    return by_blocks(pool, positions, [&](const torch::Tensor& x) { return success_->probability(x); });
  }
  /// What the scores of candidates are multiplied with, [n].
  torch::Tensor factor(const PoolView& pool, std::span<const std::int64_t> positions) const {
    return by_blocks(pool, positions, [&](const torch::Tensor& x) {
      torch::Tensor all = success_ ? success_->probability(x) : torch::ones({x.size(0)}, torch::kFloat64);
      return cost_ ? all / cost_->seconds(x) : all;
    });
  }

 private:
  template <class Use>
  torch::Tensor by_blocks(const PoolView& pool, std::span<const std::int64_t> positions, Use use) const {
    std::vector<torch::Tensor> parts{torch::empty({0}, torch::kFloat64)};
    for (std::size_t first = 0; first < positions.size(); first += judged_rows) {
      const Values batch = pool.gather(
          positions.subspan(first, std::min<std::size_t>(judged_rows, positions.size() - first)));
      parts.push_back(use(scaler_.apply(learner_.input_columns(batch))));
    }
    return at::cat(parts);
  }

  LearnerView learner_;
  Standardizer scaler_;
  std::optional<detail::SuccessModel> success_;
  std::optional<detail::CostModel> cost_;
};

/// The candidates that are likely enough to succeed, in the order of the pool: at least the `least` likeliest.
std::vector<std::int64_t> likely(const Outlook& outlook, const PoolView& pool, const ExpectedValueOptions& options) {
  std::vector<std::int64_t> all = detail::all_positions(pool);
  if (options.min_success == 0 || !outlook.knows_success()) return all;
  const torch::Tensor p = outlook.success(pool, all);
  const auto* chance = p.const_data_ptr<double>();
  std::vector<std::int64_t> order = all;
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return chance[a] != chance[b] ? chance[a] > chance[b]
                                  : pool.ids()[static_cast<std::size_t>(a)] < pool.ids()[static_cast<std::size_t>(b)];
  });
  const auto enough = std::find_if(order.begin(), order.end(),
                                   [&](std::int64_t position) { return chance[position] < options.min_success; });
  const auto least = std::min(static_cast<std::ptrdiff_t>(order.size()),
                              static_cast<std::ptrdiff_t>(options.max_samples));
  order.erase(std::max(enough, order.begin() + least), order.end());
  std::sort(order.begin(), order.end());
  return order;
}

/// How much each pick of a strategy is wanted, 0 at least.
std::vector<double> worth(const Selection& picked) {
  const std::size_t n = picked.positions.size();
  std::vector<double> worth = picked.scores;
  if (worth.empty()) {
    for (std::size_t i = 0; i < n; ++i) worth.push_back(1 - static_cast<double>(i) / static_cast<double>(n));
    return worth;
  }
  const double lowest = *std::min_element(worth.begin(), worth.end());
  if (lowest < 0) {
    for (double& score : worth) score -= lowest;
  }
  return worth;
}

}  // namespace

ExpectedValue::ExpectedValue(ExpectedValueOptions options_) : options(std::move(options_)) {
  require_valid(options, key);
}

Selection ExpectedValue::select(const QueryContext& context) {
  const Outlook outlook(context, options);
  const PoolView& pool = context.unlabeled();
  const Selection list = detail::select_within(options.strategy, context, likely(outlook, pool, options),
                                               context.random());
  std::vector<std::size_t> order(list.positions.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<double> value = list.scores;
  if (outlook.knows_anything() && !list.positions.empty()) {
    value = worth(list);
    const torch::Tensor factor = outlook.factor(pool, list.positions);
    for (std::size_t i = 0; i < value.size(); ++i) value[i] *= factor.const_data_ptr<double>()[i];
    // The strategy's own order where the values are the same.
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return value[a] > value[b]; });
  }
  order.resize(std::min(order.size(), static_cast<std::size_t>(options.max_samples)));
  Selection best;
  for (const std::size_t i : order) {
    best.positions.push_back(list.positions[i]);
    if (!value.empty()) best.scores.push_back(value[i]);
    best.strategies.push_back(list.strategies[i]);
  }
  return best;
}

CapabilitySet ExpectedValue::requirements() const { return options.strategy.requirements(); }
State ExpectedValue::save() const { return options.strategy.save(); }
void ExpectedValue::load(const State& state) { options.strategy.load(state); }

}  // namespace assay
