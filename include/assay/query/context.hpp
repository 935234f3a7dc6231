// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/artifacts.hpp>
#include <assay/data/pool_view.hpp>
#include <assay/data/random.hpp>
#include <assay/learner/learner_view.hpp>
#include <assay/query/history.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace assay {

/// What the driver knows when it asks for a selection.
struct QueryInputs {
  PoolView unlabeled;
  PoolView labeled;
  LearnerView learner;
  std::int64_t round = 0;
  RandomKey random{0};
  std::optional<std::int64_t> remaining_budget = std::nullopt;
  ArtifactFolders artifacts = {};
  std::function<SimulationHistory()> history = [] { return SimulationHistory(); };
};

/// What a query strategy is given; the capabilities it needs of the learner stand in the type.
///
/// Cost: a handful of pointers; converts to a context with fewer capabilities for nothing. Valid during `select`.
template <class... Capabilities>
class QueryContextWith {
 public:
  explicit QueryContextWith(const QueryInputs& inputs) : inputs_(&inputs), learner_(inputs.learner) {}
  template <class... More>
    requires(sizeof...(More) > sizeof...(Capabilities) && (detail::is_listed<Capabilities, More...> && ...))
  QueryContextWith(const QueryContextWith<More...>& other) : QueryContextWith(other.all()) {}

  /// The candidates.
  const PoolView& unlabeled() const noexcept { return inputs_->unlabeled; }
  /// What the learner was trained on.
  const PoolView& labeled() const noexcept { return inputs_->labeled; }
  const LearnerViewWith<Capabilities...>& learner() const noexcept { return learner_; }
  std::int64_t round() const noexcept { return inputs_->round; }
  /// The stream of this round's query phase: key draws by sample id.
  const RandomKey& random() const noexcept { return inputs_->random; }
  /// Labels the campaign can still pay for; nothing if there is no budget.
  std::optional<std::int64_t> remaining_budget() const noexcept { return inputs_->remaining_budget; }

  /// What the simulations of the earlier rounds came to, failures and run times with them. Cost: reads the ledger.
  SimulationHistory history() const { return inputs_->history(); }

  /// A folder for the strategy's own files, `artifacts/query/NAME`: see `ArtifactFolders::folder`.
  std::filesystem::path artifacts(std::string_view name) const { return inputs_->artifacts.folder(name); }

  /// Everything, for combinators that build other contexts.
  const QueryInputs& all() const noexcept { return *inputs_; }

 private:
  const QueryInputs* inputs_;
  LearnerViewWith<Capabilities...> learner_;
};

using QueryContext = QueryContextWith<>;

}  // namespace assay
