// SPDX-License-Identifier: Apache-2.0
#include "../data/row_stacker.hpp"
#include "pool_rows.hpp"

#include <assay/detail/campaign.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/learner/scaler.hpp>

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>
#include <unordered_set>

namespace assay::detail {

namespace {

std::span<const std::byte> bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

void require_fields(const AnyPool& pool, const std::vector<std::string>& fields, std::string_view name) {
  if (pool.size() == 0) return;
  const Values first = pool.gather(counting(0, 1));
  for (const std::string& field : fields) {
    if (first.contains(field)) continue;
    std::string list;
    for (const std::string& known : first.names()) list += (list.empty() ? "'" : ", '") + known + "'";
    throw DataError({.id = "assay.pool.field",
                     .where = std::string(name) + " pool",
                     .expected = "the learner's input '" + field + "' in every sample",
                     .got = "fields " + list,
                     .advice = "add the field, or change the learner's 'inputs'"});
  }
}

}  // namespace

TensorPool Campaign::take_pool(AnyPool pool, Purpose purpose, std::string_view name) {
  if (pool.size() == 0) return {};
  const std::vector<std::string> inputs = learner_->inputs(), targets = learner_->targets();
  require_fields(pool, inputs, name);
  Values batch = pool.gather(counting(0, pool.size()));
  pool = {};
  const auto there = std::count_if(targets.begin(), targets.end(), [&](const auto& t) { return batch.contains(t); });
  if (there != 0 && there != static_cast<std::ptrdiff_t>(targets.size())) {
    throw DataError({.id = "assay.pool.targets",
                     .where = std::string(name) + " pool",
                     .expected = "all targets of the learner, or none of them",
                     .got = std::to_string(there) + " of " + std::to_string(targets.size()),
                     .advice = "give all labels, or leave them out: they are then simulated in round 0"});
  }
  require_finite(batch, std::string(name) + " pool");
  if (there > 0) {
    require_learnable(batch.pick(targets), rules_, std::string(name) + " pool");
    require_declared(schema_of_batch(batch.pick(targets)), rules_, std::string(name) + " pool");
  }
  const SampleId first_id = first_candidate_id_;
  first_candidate_id_ += batch_size(batch);
  if (there > 0) {
    Values kept = batch.pick(inputs);
    kept.merge(batch.pick(targets));
    return TensorPool(std::move(kept), first_id);
  }
  SampleId id = first_id;
  for (Values& sample : rows_of(batch)) unlabeled_at_start_.emplace_back(purpose, Sample{id++, std::move(sample)});
  return {};
}

void Campaign::take_pools(Pools pools) {
  labeled_ = take_pool(std::move(pools.labeled), Purpose::initial, "labeled");
  validation_ = take_pool(std::move(pools.validation), Purpose::validation, "validation");
  test_ = take_pool(std::move(pools.test), Purpose::test, "test");
  first_fresh_id_ = first_candidate_id_;
  if (pools.unlabeled.fresh_spec()) fresh_ = pools.unlabeled;
  take_candidates(std::move(pools.unlabeled));
  for (const TensorPool* pool : {&labeled_, &validation_, &test_}) {
    if (pool->empty()) continue;
    const Schema targets = schema_of_batch(pool->all().pick(learner_->targets()));
    if (target_schema_.empty()) target_schema_ = targets;
    require_fits(row(pool->all().pick(learner_->targets()), 0), target_schema_, "targets of the labeled pools");
    if (candidates_.size() > 0) {
      require_fits(row(candidates_.gather(counting(0, 1)).pick(learner_->inputs()), 0),
                   schema_of_batch(pool->all().pick(learner_->inputs())), "unlabeled pool");
    }
  }
  if (candidates_.size() > 0) {
    // Samples that are to be simulated first must fit the candidates too, before anything is paid for.
    const Schema inputs = schema_of_batch(candidates_.gather(counting(0, 1)).pick(learner_->inputs()));
    for (const auto& [purpose, sample] : unlabeled_at_start_) {
      require_fits(sample.values.pick(learner_->inputs()), inputs,
                   std::string(to_string(purpose)) + " pool, beside the unlabeled one");
    }
  }
  if (!options_.skip_training && labeled_.empty() &&
      std::none_of(unlabeled_at_start_.begin(), unlabeled_at_start_.end(),
                   [](const auto& start) { return start.first == Purpose::initial; })) {
    throw DataError({.id = "assay.pool.empty",
                     .where = "labeled pool",
                     .expected = "at least one sample to train on",
                     .got = "none",
                     .advice = "give labeled samples, or unlabeled ones as the labeled pool: round 0 simulates them"});
  }
  pools_digest_ = digest_of_pools().hex();
}

void Campaign::take_candidates(AnyPool pool) {
  candidates_ = std::move(pool);
  require_fields(candidates_, learner_->inputs(), "unlabeled");
  for_each_block(candidates_, [](const Values& batch, std::int64_t first) {
    require_finite(batch, "unlabeled pool, rows from " + std::to_string(first));
  });
  live_ = counting(0, candidates_.size());
}

/// Draws the candidates of the round that the campaign stands in, where they are drawn anew each round.
void Campaign::renew_candidates() {
  if (fresh_.size() == 0 || drawn_for_ == position_.round) return;
  const std::int64_t round = std::max<std::int64_t>(position_.round, 1);
  Values drawn = fresh_.draw(round);
  if (batch_size(drawn) != fresh_.size()) {
    throw DataError({"assay.pool.fresh", "unlabeled pool, round " + std::to_string(round),
                     std::to_string(fresh_.size()) + " candidates, as in every round",
                     std::to_string(batch_size(drawn)), ""});
  }
  take_candidates(std::move(drawn));
  first_candidate_id_ = first_fresh_id_ + (round - 1) * fresh_.size();
  drawn_for_ = position_.round;
  drop_known_candidates();
  drop_near_imported(last_chosen_round());
}

/// What no candidate is to be again: samples with labels, and of those drawn anew what was chosen in earlier rounds.
std::unordered_set<std::string> Campaign::known_contents() const {
  const std::vector<std::string> inputs = learner_->inputs();
  std::unordered_set<std::string> known;
  if (!labeled_.empty()) {
    for (std::string& key : row_bytes(labeled_.all().pick(inputs))) known.insert(std::move(key));
  }
  if (fresh_.size() == 0 || position_.round == 0) return known;
  std::vector<Values> picked;
  for (const SampleId id : ledger_->picked(0, position_.round - 1)) picked.push_back(ledger_->inputs(id).pick(inputs));
  if (picked.empty()) return known;
  for (std::string& key : row_bytes(stack(picked))) known.insert(std::move(key));
  return known;
}

/// Whether all samples of one content are one design in this campaign, which is simulated once.
/// Campaigns of the first behavior go on as they began: with every candidate in play.
bool Campaign::equal_designs_are_one() const {
  return options_.duplicates == Duplicates::reuse && ledger_->behavior() >= 2;
}

/// Rows of candidates that are in all fields like an earlier row, or like a sample that is simulated first.
std::unordered_set<std::int64_t> Campaign::equal_candidates() const {
  std::vector<Values> simulated_first;
  const std::vector<std::string> fields = candidates_.gather(counting(0, 1)).names();
  for (const auto& start : unlabeled_at_start_) {
    const Values& values = start.second.values;
    const auto has = [&](const std::string& field) { return values.contains(field); };
    if (std::all_of(fields.begin(), fields.end(), has)) simulated_first.push_back(values.pick(fields));
  }
  // Twice over the pool: few of many rows are like others, and only those are kept whole.
  const std::hash<std::string> hash;
  std::unordered_set<std::size_t> once, again;
  std::unordered_set<std::string> seen;
  if (!simulated_first.empty()) {
    for (std::string& key : row_bytes(stack(simulated_first))) {
      again.insert(hash(key));
      seen.insert(std::move(key));
    }
  }
  once.reserve(static_cast<std::size_t>(candidates_.size()));
  for_each_block(candidates_, [&](const Values& batch, std::int64_t) {
    for (const std::string& key : row_bytes(batch)) {
      if (!once.insert(hash(key)).second) again.insert(hash(key));
    }
  });
  std::unordered_set<std::int64_t> equal;
  for_each_block(candidates_, [&](const Values& batch, std::int64_t first) {
    std::vector<std::string> rows = row_bytes(batch);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!again.contains(hash(rows[i]))) continue;
      if (!seen.insert(std::move(rows[i])).second) equal.insert(first + static_cast<std::int64_t>(i));
    }
  });
  return equal;
}

/// Takes candidates out of play whose design needs no simulation of its own: it is labeled, was chosen before, is
/// simulated first, or stands among the candidates already.
void Campaign::drop_known_candidates() {
  if (candidates_.size() == 0 || options_.duplicates == Duplicates::replicate) return;
  const bool fresh = fresh_.size() > 0;
  std::unordered_set<std::string> known = known_contents();
  std::unordered_set<std::int64_t> dropped;
  if (!fresh && equal_designs_are_one()) dropped = equal_candidates();
  if (fresh || !known.empty()) {
    const std::vector<std::string> inputs = learner_->inputs();
    for_each_block(candidates_, [&](const Values& batch, std::int64_t first) {
      const std::vector<std::string> rows = row_bytes(batch.pick(inputs));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool again = fresh ? !known.insert(rows[i]).second : known.contains(rows[i]);
        if (again) dropped.insert(first + static_cast<std::int64_t>(i));
      }
    });
  }
  if (dropped.empty()) return;
  std::erase_if(live_, [&](std::int64_t row) { return dropped.contains(row); });
  say(std::to_string(dropped.size()) +
      (fresh ? " candidates are labeled, were chosen before or were drawn twice"
             : " candidates are designs that stand in the pools already") +
      ", and were left out");
}

namespace {

void add(Sha256& digest, std::string_view name, const Values& batch) {
  for (const Field& field : schema_of_batch(batch)) digest.update(field.name + " " + describe(field) + "\n");
  digest.update(std::string(name) + " " + std::to_string(batch_size(batch)) + "\n");
  for (const auto& [field, tensor] : batch) digest.update(bytes_of(tensor.contiguous()));
}

}  // namespace

/// What the pools hold, as they were given. \param only the one to look at: "labeled", …; empty: all.
Sha256 Campaign::digest_of_pools(std::string_view only) const {
  Sha256 digest;
  const std::tuple<std::string_view, Purpose, const TensorPool*> pools[] = {
      {"labeled", Purpose::initial, &labeled_},
      {"validation", Purpose::validation, &validation_},
      {"test", Purpose::test, &test_}};
  const auto is_meant = [&](std::string_view name) { return only.empty() || only == name; };
  for (const auto& [name, purpose, pool] : pools) {
    if (is_meant(name) && !pool->empty()) add(digest, name, pool->all());
  }
  for (const auto& [purpose, sample] : unlabeled_at_start_) {
    for (const auto& [name, of, pool] : pools) {
      if (of == purpose && is_meant(name)) digest.update(std::string(to_string(purpose)) + fingerprint(sample.values));
    }
  }
  if (!is_meant("unlabeled")) return digest;
  if (const std::optional<Json> spec = fresh_.fresh_spec()) {
    digest.update("fresh " + spec->dump() + "\n");
  } else {
    for_each_block(candidates_, [&](const Values& batch, std::int64_t) { add(digest, "unlabeled", batch); });
  }
  return digest;
}

/// Each pool by itself, as it was given: {"labeled": {"samples", "digest"}, …}.
Json Campaign::described_pools() const {
  Json described = Json::object();
  const auto describe_pool = [&](const char* name, std::int64_t samples) {
    described[name] = {{"samples", samples}, {"digest", digest_of_pools(name).hex()}};
  };
  const auto to_label = [&](Purpose purpose) {
    return std::count_if(unlabeled_at_start_.begin(), unlabeled_at_start_.end(),
                         [&](const auto& start) { return start.first == purpose; });
  };
  describe_pool("labeled", labeled_.size() + to_label(Purpose::initial));
  describe_pool("validation", validation_.size() + to_label(Purpose::validation));
  describe_pool("test", test_.size() + to_label(Purpose::test));
  describe_pool("unlabeled", candidates_.size());
  return described;
}

TensorPool& Campaign::pool_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::validation: return validation_;
    case Purpose::test: return test_;
    case Purpose::initial:
    case Purpose::training: break;
  }
  return labeled_;
}

PoolView Campaign::unlabeled() const {
  std::vector<SampleId> ids(live_);
  for (SampleId& id : ids) id += first_candidate_id_;
  return PoolView(candidates_, live_, std::move(ids));
}

/// What squares of errors are divided by, for every component of the floating-point targets over a pool.
Values target_variance(const TensorPool& pool, const std::vector<std::string>& targets) {
  Values variances;
  if (pool.empty()) return variances;
  for (const std::string& target : targets) {
    const torch::Tensor column = pool.column(target);
    if (!column.is_floating_point()) continue;
    variances.set(target, error_scale(column.to(torch::kFloat64)).square());
  }
  return variances;
}

QueryInputs Campaign::query_inputs() const {
  std::optional<std::int64_t> remaining;
  if (options_.label_budget) {
    remaining = std::max<std::int64_t>(0, *options_.label_budget - spent());
  }
  return {.unlabeled = unlabeled(),
          .labeled = PoolView(labeled_, labeled_.ids()),
          .learner = LearnerView(learner_, target_variance(labeled_, learner_->targets())),
          .round = position_.round,
          .random = random_.with("query").with(position_.round),
          .remaining_budget = remaining,
          .artifacts = ArtifactFolders(options_.dir / "artifacts" / "query"),
          .history = [this] { return simulation_history(); }};
}

MetrologyInputs Campaign::metrology_inputs() const {
  const TensorPool& evaluation = test_.empty() ? validation_ : test_;
  return {.evaluation = PoolView(evaluation, evaluation.ids()),
          .labeled = PoolView(labeled_, labeled_.ids()),
          .learner = LearnerView(learner_, target_variance(labeled_, learner_->targets())),
          .round = position_.round,
          .random = random_.with("metrology").with(position_.round),
          .artifacts = ArtifactFolders(options_.dir / "artifacts" / "metrology")};
}

}  // namespace assay::detail
