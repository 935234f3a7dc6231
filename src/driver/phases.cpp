// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/campaign.hpp>
#include <assay/detail/guest.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <unordered_set>

namespace assay::detail {

namespace {

std::string short_number(double value) {
  std::ostringstream text;
  text.precision(4);
  text << value;
  return text.str();
}

std::string in_words(const Measurements& measurements) {
  std::string text;
  for (const Measurement& m : measurements) {
    text += (text.empty() ? "" : "  ") + m.name + " " + short_number(m.value);
  }
  return text;
}

/// Root mean square error over all components of the floating-point targets, each divided by its standard deviation.
std::optional<double> standardised_rmse(const Values& predicted, const Values& truth, const Values& variance) {
  double sum = 0;
  std::int64_t count = 0;
  for (const auto& [name, scale] : variance) {
    const torch::Tensor error = predicted.at(name).to(torch::kFloat64) - truth.at(name).to(torch::kFloat64);
    sum += (error * error / scale).sum().item<double>();
    count += error.numel();
  }
  if (count == 0) return std::nullopt;
  return std::sqrt(sum / static_cast<double>(count));
}

}  // namespace

void Campaign::train(const std::function<TrainingReport(TrainingContext&)>& train) {
  begin_phase();
  if (!options_.skip_training) {
    if (labeled_.empty()) {
      throw DataError({.id = "assay.pool.empty",
                       .where = "labeled pool, round " + std::to_string(position_.round),
                       .expected = "at least one labeled sample to train on",
                       .got = "none: every initial simulation failed",
                       .advice = "see the reasons with 'assay show'"});
    }
    TrainingContext context{.labeled = labeled_,
                            .validation = validation_,
                            .round = position_.round,
                            .fine_tuning = position_.trained,
                            .random = random_.with("training").with(position_.round),
                            .epoch_finished =
                                [this](const EpochReport& epoch) {
                                  emit({.kind = Event::Kind::epoch_finished,
                                        .text = "loss " + short_number(epoch.training_loss),
                                        .done = epoch.epoch,
                                        .total = epoch.epochs});
                                  const std::int64_t every = options_.checkpoint_every_epochs;
                                  if (every > 0 && epoch.epoch % every == 0 && epoch.epoch < epoch.epochs)
                                    save_checkpoint();
                                },
                            .stop_requested = [this] { return stop_requested(); }};
    const GuestScope scope;
    const TrainingReport report = train(context);
    if (report.ended_by == "stop_requested") return save_checkpoint();
    position_.trained = true;
    std::string text = std::to_string(report.epochs) + " epochs on " + std::to_string(labeled_.size()) +
                       " samples, loss " + short_number(report.training_loss);
    if (!std::isnan(report.validation_loss)) {
      text += ", validation " + short_number(report.validation_loss) + " at epoch " + std::to_string(report.best_epoch);
    }
    emit({.kind = Event::Kind::message, .text = std::move(text)});
  }
  end_phase(Phase::metrology, position_.round);
}

void Campaign::measure(const std::function<Measurements(const MetrologyInputs&)>& measure) {
  begin_phase();
  if (!options_.skip_metrology) {
    const GuestScope scope;
    const torch::NoGradGuard no_gradients;
    Measurements measurements = measure(metrology_inputs());
    if (!measurements.empty()) {
      records_.push_back({position_.round, labeled_.size(), std::move(measurements)});
      write_metrics_lines();
      emit({.kind = Event::Kind::metrics, .text = in_words(records_.back().measurements)});
    }
  }
  end_phase(Phase::query, position_.round);
  check_stop();
}

void Campaign::check(const Selection& selection) const {
  const std::int64_t size = static_cast<std::int64_t>(live_.size());
  std::unordered_set<std::int64_t> seen;
  for (const std::int64_t position : selection.positions) {
    const bool inside = position >= 0 && position < size;
    if (inside && seen.insert(position).second) continue;
    throw DataError({.id = "assay.query.selection",
                     .where = "query, round " + std::to_string(position_.round),
                     .expected = "distinct positions in [0, " + std::to_string(size) + ")",
                     .got = std::to_string(position) + (inside ? " twice" : ""),
                     .advice = "a selection holds positions of the unlabeled view, not ids"});
  }
  const auto require_size = [&](std::size_t got, const char* what) {
    if (got == 0 || got == selection.positions.size()) return;
    throw DataError({.id = "assay.query.selection",
                     .where = "query, round " + std::to_string(position_.round),
                     .expected = "as many " + std::string(what) + " as positions (" +
                                 std::to_string(selection.positions.size()) + "), or none",
                     .got = std::to_string(got),
                     .advice = {}});
  };
  require_size(selection.scores.size(), "scores");
  require_size(selection.strategies.size(), "strategies");
}

std::vector<NewEntry> Campaign::entries_from(const Selection& selection, const std::string& strategy) {
  std::vector<NewEntry> entries;
  if (selection.positions.empty()) return entries;
  const Values batch = unlabeled().gather(selection.positions);
  for (std::size_t i = 0; i < selection.positions.size(); ++i) {
    const std::int64_t row_in_pool = live_[static_cast<std::size_t>(selection.positions[i])];
    Values inputs = row(batch, static_cast<std::int64_t>(i));
    entries.push_back({.id = first_candidate_id_ + row_in_pool,
                       .purpose = Purpose::training,
                       .rank = static_cast<std::int64_t>(i),
                       .score = selection.scores.empty() ? std::nullopt : std::optional(selection.scores[i]),
                       .strategy = selection.strategies.empty() ? strategy : selection.strategies[i],
                       .inputs = inputs,
                       .fingerprint = fingerprint(inputs)});
  }
  return entries;
}

void Campaign::query(const std::function<Selection(const QueryInputs&)>& select) {
  begin_phase();
  Slot& slot = *std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.name == "query"; });
  std::optional<CommittedBatch> committed = ledger_->batch(position_.round);
  if (committed) {
    slot.load(committed->strategy_state);
  } else {
    std::vector<NewEntry> entries;
    if (position_.round == 0) {
      for (const auto& [purpose, sample] : unlabeled_at_start_) {
        entries.push_back({.id = sample.id,
                           .purpose = purpose,
                           .rank = static_cast<std::int64_t>(entries.size()),
                           .score = std::nullopt,
                           .strategy = "given",
                           .inputs = sample.values,
                           .fingerprint = fingerprint(sample.values)});
      }
    } else {
      if (live_.empty()) return finish("no_candidates");
      const GuestScope scope;
      const torch::NoGradGuard no_gradients;
      const QueryInputs inputs = query_inputs();
      Selection selection = select(inputs);
      check(selection);
      entries = entries_from(selection, key_of(slot.spec));
      if (inputs.remaining_budget && static_cast<std::int64_t>(entries.size()) > *inputs.remaining_budget) {
        entries.erase(entries.begin() + *inputs.remaining_budget, entries.end());
      }
    }
    ledger_->commit_batch(position_.round, entries, slot.save());
    committed = ledger_->batch(position_.round);
  }
  if (committed->entries.empty()) return finish("nothing_picked");
  std::unordered_set<std::int64_t> picked;
  for (const LedgerEntry& entry : committed->entries) picked.insert(entry.id - first_candidate_id_);
  std::erase_if(live_, [&](std::int64_t row_in_pool) { return picked.contains(row_in_pool); });
  emit({.kind = Event::Kind::message, .text = std::to_string(committed->entries.size()) + " samples picked"});
  end_phase(Phase::labeling, position_.round);
}

void Campaign::integrate() {
  begin_phase();
  const std::optional<CommittedBatch> batch = ledger_->batch(position_.round);
  std::vector<SampleId> ids;
  for (const SampleId id : ledger_->integrated(integrated_)) {
    if (ledger_->entry(id).round == position_.round) ids.push_back(id);
  }
  const bool recorded = !ids.empty();
  std::vector<Sample> samples;
  std::vector<Purpose> purposes;
  std::vector<std::string> kept = learner_->inputs();
  for (const std::string& target : learner_->targets()) kept.push_back(target);
  if (batch) {
    for (const LedgerEntry& entry : batch->entries) {
      if (entry.state != SampleState::done) continue;
      if (recorded && std::find(ids.begin(), ids.end(), entry.id) == ids.end()) continue;
      if (!recorded) ids.push_back(entry.id);
      Values values = ledger_->inputs(entry.id);
      values.merge(ledger_->labels(entry.id).without(values.names()));
      samples.push_back({entry.id, values.pick(kept)});
      purposes.push_back(entry.purpose);
    }
  }
  if (position_.trained && position_.round > 0 && !samples.empty()) {
    // Before the labels are folded in they are new to the learner: a free estimate, biased by the selection.
    const GuestScope scope;
    const torch::NoGradGuard no_gradients;
    std::vector<Values> rows;
    for (const Sample& sample : samples) rows.push_back(sample.values);
    const Values truth = stack(rows);
    const Values variance = target_variance(labeled_, learner_->targets());
    if (const auto error = standardised_rmse(learner_->predict(truth.pick(learner_->inputs())), truth, variance)) {
      records_.push_back({position_.round, labeled_.size(), {{"prequential_rmse", *error}}});
      write_metrics_lines();
    }
  }
  for (std::size_t i = 0; i < samples.size(); ++i) pool_of(purposes[i]).append({&samples[i], 1});
  if (!recorded) ledger_->integrate(ids);
  integrated_ += static_cast<std::int64_t>(ids.size());
  end_phase(Phase::training, position_.round + 1);
  if (position_.round > options_.max_rounds && !options_.final_training) finish("max_rounds");
}

}  // namespace assay::detail
