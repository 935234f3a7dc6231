// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/campaign.hpp>
#include <assay/detail/guest.hpp>
#include <assay/error.hpp>
#include <assay/metrology/no_metrology.hpp>
#include <assay/round_files.hpp>

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

bool wants_metrics(const std::vector<Slot>& slots) {
  return std::any_of(slots.begin(), slots.end(), [](const Slot& slot) {
    return slot.name == "metrology" && key_of(slot.spec) != NoMetrology::key;
  });
}

}  // namespace

void Campaign::train(const std::function<TrainingReport(TrainingContext&)>& train) {
  begin_phase();
  if (!options_.skip_training) {
    if (labeled_.empty()) {
      throw DataError(
          {.id = "assay.pool.empty",
           .where = "labeled pool, round " + std::to_string(position_.round),
           .expected = "at least one labeled sample to train on",
           .got = "none: every initial simulation failed or was infeasible",
           .advice = "see the reasons with 'assay show', mend their cause, and queue the samples again with "
                     "'assay retry'"});
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
    if (report.ended_by == "stop_requested") {
      add_phase_seconds();
      save_checkpoint();
      return checkpoints_->flush();
    }
    position_.trained = true;
    std::string text = std::to_string(report.epochs) + " epochs on " + std::to_string(labeled_.size()) +
                       " samples, loss " + short_number(report.training_loss);
    if (!std::isnan(report.validation_loss)) {
      text += ", validation " + short_number(report.validation_loss) + " at epoch " + std::to_string(report.best_epoch);
    }
    if (report.threads > 0)
      text += ", " + std::to_string(report.threads) + (report.threads == 1 ? " thread" : " threads");
    if (report.replayed > 0) {
      text += ", " + std::to_string(report.replayed) + " of " + std::to_string(report.batches) +
              " batches from a graph";
    }
    if (!report.not_recorded.empty()) text += ", no graph: " + report.not_recorded;
    emit({.kind = Event::Kind::message, .text = std::move(text)});
    if (!report.warning.empty()) warn(report.warning);
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
      std::string text = in_words(measurements);
      record({position_.round, labeled_.size(), std::move(measurements)});
      emit({.kind = Event::Kind::metrics, .text = std::move(text)});
    } else if (position_.round == 1 && test_.empty() && validation_.empty() && wants_metrics(slots_)) {
      warn("metrology has nothing to measure on: there is neither a test pool nor a validation pool");
    }
  }
  end_phase(Phase::query, position_.round);
}

/// Errors: `DataError` for a position outside the view. One that stands twice is taken once.
Selection Campaign::checked(Selection selection) {
  const std::int64_t size = static_cast<std::int64_t>(live_.size());
  const std::string where = "query, round " + std::to_string(position_.round);
  const auto require_size = [&](std::size_t got, const char* what) {
    if (got == 0 || got == selection.positions.size()) return;
    throw DataError({.id = "assay.query.selection",
                     .where = where,
                     .expected = "as many " + std::string(what) + " as positions (" +
                                 std::to_string(selection.positions.size()) + "), or none",
                     .got = std::to_string(got),
                     .advice = {}});
  };
  require_size(selection.scores.size(), "scores");
  require_size(selection.strategies.size(), "strategies");
  std::unordered_set<std::int64_t> seen;
  Selection once;
  for (std::size_t i = 0; i < selection.positions.size(); ++i) {
    const std::int64_t position = selection.positions[i];
    if (position < 0 || position >= size) {
      throw DataError({.id = "assay.query.selection",
                       .where = where,
                       .expected = "positions in [0, " + std::to_string(size) + ")",
                       .got = std::to_string(position),
                       .advice = "a selection holds positions of the unlabeled view, not ids"});
    }
    if (!seen.insert(position).second) continue;
    once.positions.push_back(position);
    if (!selection.scores.empty()) once.scores.push_back(selection.scores[i]);
    if (!selection.strategies.empty()) once.strategies.push_back(std::move(selection.strategies[i]));
  }
  const std::size_t twice = selection.positions.size() - once.positions.size();
  if (twice > 0) say(std::to_string(twice) + " positions were picked more than once: taken once");
  return once;
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
                       .fingerprint = content_of(inputs)});
  }
  return entries;
}

std::vector<NewEntry> Campaign::choose(const std::function<Selection(const QueryInputs&)>& select,
                                       const std::string& strategy) {
  std::vector<NewEntry> entries;
  if (position_.round == 0) {
    for (const auto& [purpose, sample] : unlabeled_at_start_) {
      entries.push_back({.id = sample.id,
                         .purpose = purpose,
                         .rank = static_cast<std::int64_t>(entries.size()),
                         .score = std::nullopt,
                         .strategy = "given",
                         .inputs = sample.values,
                         .fingerprint = content_of(sample.values)});
    }
    append_imported(entries);
    return entries;
  }
  const GuestScope scope;
  const torch::NoGradGuard no_gradients;
  const QueryInputs inputs = query_inputs();
  entries = entries_from(checked(select(inputs)), strategy);
  if (inputs.remaining_budget && static_cast<std::int64_t>(entries.size()) > *inputs.remaining_budget) {
    entries.erase(entries.begin() + *inputs.remaining_budget, entries.end());
  }
  append_imported(entries);
  return entries;
}

void Campaign::query(const std::function<Selection(const QueryInputs&)>& select) {
  begin_phase();
  renew_candidates();
  Slot& slot = *std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.name == "query"; });
  std::vector<SampleId> ids;
  if (const std::optional<CommittedBatch> committed = ledger_->batch(position_.round)) {
    slot.load(committed->strategy_state);
    for (const LedgerEntry& entry : committed->entries) ids.push_back(entry.id);
  } else {
    if (position_.round > 0 && live_.empty()) return finish("no_candidates");
    const std::vector<NewEntry> entries = choose(select, key_of(slot.spec));
    ledger_->commit_batch(position_.round, entries, slot.save());
    for (const NewEntry& entry : entries) ids.push_back(entry.id);
  }
  if (ids.empty()) return finish("nothing_picked");
  if (ledger_->round_files(position_.round).picks.empty())
    ledger_->record_picks_file(position_.round, write_picks_file(options_.dir, *ledger_, position_.round));
  std::unordered_set<std::int64_t> picked;
  for (const SampleId id : ids) picked.insert(id - first_candidate_id_);
  std::erase_if(live_, [&](std::int64_t row_in_pool) { return picked.contains(row_in_pool); });
  drop_near_imported(position_.round);
  say(std::to_string(ids.size()) + " samples picked");
  end_phase(Phase::labeling, position_.round);
}

/// What is to be folded in: what the ledger already has of this round beyond what the pools hold, where the round is
/// gone through again; else what has labels by now. \param recorded which of the two.
std::vector<LabeledSample> Campaign::to_integrate(bool& recorded) {
  std::vector<SampleId> ids;
  for (const LedgerEntry& entry : ledger_->entries(ledger_->integrated(integrated_))) {
    if (entry.integrated_in == position_.round) ids.push_back(entry.id);
  }
  recorded = !ids.empty();
  if (recorded) return ledger_->labeled(ids);
  for (const LedgerEntry& entry : ledger_->entries(ledger_->not_integrated())) {
    if (entry.round <= position_.round) ids.push_back(entry.id);
  }
  std::vector<LabeledSample> labeled = ledger_->labeled(ids);
  refuse_unusable(labeled);
  return labeled;
}

void Campaign::integrate() {
  begin_phase();
  bool recorded = false;
  std::vector<LabeledSample> labeled = to_integrate(recorded);
  std::vector<SampleId> ids, left_out;
  std::vector<Sample> samples;  // as the pools hold them: inputs as they were chosen, targets as they were simulated
  std::vector<LedgerEntry> entries;
  for (auto& [entry, inputs, labels] : labeled) {
    ids.push_back(entry.id);
    if (recorded && !fits_targets(labels)) {
      left_out.push_back(entry.id);
      continue;
    }
    samples.push_back({entry.id, inputs.pick(learner_->inputs()).merge(labels.pick(learner_->targets()))});
    entries.push_back(std::move(entry));
  }
  warn_of_left_out(left_out);
  warn_of_outliers(samples);
  measure_prequentially(samples, entries);
  // The file first: what the ledger calls integrated can be rebuilt from it.
  if (!recorded)
    ledger_->integrate(position_.round, ids, write_labels_file(options_.dir, *ledger_, position_.round, ids));
  for (std::size_t i = 0; i < samples.size(); ++i) pool_of(entries[i].purpose).append({&samples[i], 1});
  if (!ids.empty()) integrated_ = *ledger_->entry(ids.back()).integrated + 1;
  pooled_ += static_cast<std::int64_t>(ids.size());
  end_phase(Phase::training, position_.round + 1);
  if (!finished()) renew_candidates();
}

}  // namespace assay::detail
