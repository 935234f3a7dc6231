// SPDX-License-Identifier: Apache-2.0
// What the query is told of the simulations so far.
#include <assay/detail/campaign.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <algorithm>
#include <cmath>

namespace assay::detail {

namespace {

/// Seconds that a sample was computed for, over all attempts that came to an end; NaN if it never was.
double seconds_of(const std::vector<LedgerAttempt>& attempts) {
  constexpr std::array ended{"done", "failed", "infeasible", "refused"};
  double seconds = 0;
  bool computed = false;
  for (const LedgerAttempt& attempt : attempts) {
    if (!attempt.seconds || std::find(ended.begin(), ended.end(), attempt.outcome) == ended.end()) continue;
    seconds += *attempt.seconds;
    computed = true;
  }
  return computed ? seconds : std::nan("");
}

}  // namespace

SimulationHistory Campaign::simulation_history() const {
  SimulationHistory history{
      .ids = {}, .inputs = {}, .succeeded = at::empty({0}, torch::kBool), .seconds = at::empty({0}, torch::kFloat64)};
  std::vector<Values> inputs;
  std::vector<double> seconds;
  std::vector<std::int64_t> succeeded;
  for (const SampleId id : ledger_->picked(0, position_.round - 1)) {
    const LedgerEntry entry = ledger_->entry(id);
    const bool done = entry.state == SampleState::done;
    if (entry.purpose == Purpose::test ||
        !(done || entry.state == SampleState::failed || entry.state == SampleState::infeasible))
      continue;
    history.ids.push_back(id);
    inputs.push_back(ledger_->inputs(id).pick(learner_->inputs()));
    succeeded.push_back(done);
    seconds.push_back(seconds_of(ledger_->attempts(id)));
  }
  if (history.ids.empty()) return history;
  history.inputs = stack(inputs);
  history.succeeded = at::tensor(succeeded, torch::kInt64).to(torch::kBool);
  history.seconds = at::tensor(seconds, torch::kFloat64);
  return history;
}

}  // namespace assay::detail
