// SPDX-License-Identifier: Apache-2.0
// What changes the ledger.
#include "ledger_impl.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <deque>

namespace assay {

namespace {

/// Where a sample stands after an attempt without a label.
SampleState state_after(Verdict verdict) {
  switch (verdict) {
    case Verdict::retry: return SampleState::queued;
    case Verdict::infeasible: return SampleState::infeasible;
    case Verdict::failed: break;
  }
  return SampleState::failed;
}

store::RoundRow round_row(std::int64_t round, const State& state) {
  return {.round = round, .state_json = state.json.dump(), .state_tensors = to_safetensors(state.tensors)};
}

store::SampleRow sample_row(const LedgerEntry& entry) {
  return {.id = entry.id,
          .round = entry.round,
          .rank = entry.rank,
          .purpose = std::string(to_string(entry.purpose)),
          .strategy = entry.strategy,
          .score = entry.score,
          .fingerprint = entry.fingerprint,
          .state = entry.state,
          .attempts = entry.attempts,
          .integrated = entry.integrated,
          .integrated_in = entry.integrated_in};
}

}  // namespace

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

bool Ledger::exists(const std::filesystem::path& file) { return store::Store::exists(file); }

Ledger Ledger::create(const std::filesystem::path& file, const std::string& campaign_id,
                      const std::filesystem::path& objects, const std::string& configuration, Journal journal,
                      std::int64_t behavior) {
  return Ledger(
      std::make_unique<Impl>(Impl{store::Store::create(file, objects, campaign_id, configuration, behavior, journal)}));
}

Ledger Ledger::open(const std::filesystem::path& file, const std::filesystem::path& objects, Journal journal) {
  return Ledger(std::make_unique<Impl>(Impl{store::Store::open(file, objects, journal)}));
}

Ledger Ledger::open_read_only(const std::filesystem::path& file, const std::filesystem::path& objects) {
  return Ledger(std::make_unique<Impl>(Impl{store::Store::open_read_only(file, objects)}));
}

Ledger Ledger::open_damaged(const std::filesystem::path& file, const std::filesystem::path& objects) {
  return Ledger(std::make_unique<Impl>(Impl{store::Store::open_damaged(file, objects)}));
}

void Ledger::set_guard(std::function<void()> guard) { impl_->store->set_guard(std::move(guard)); }
void Ledger::sync() { impl_->store->sync(); }
void Ledger::copy_to(const std::filesystem::path& file) const { impl_->store->copy_to(file); }

void Ledger::commit_batch(std::int64_t round, std::span<const NewEntry> entries, const State& strategy_state) {
  std::deque<std::string> inputs;
  std::vector<store::NewSample> samples;
  for (const NewEntry& entry : entries) {
    inputs.push_back(to_safetensors(entry.inputs));
    samples.push_back({.row = {.id = entry.id,
                               .round = round,
                               .rank = entry.rank,
                               .purpose = std::string(to_string(entry.purpose)),
                               .strategy = entry.strategy,
                               .score = entry.score,
                               .fingerprint = entry.fingerprint},
                       .inputs = inputs.back()});
  }
  impl_->store->commit_batch(round_row(round, strategy_state), samples);
}

int Ledger::start_attempt(SampleId id, const std::string& directory) {
  const store::Start one{.id = id, .directory = directory};
  return static_cast<int>(impl_->store->start({&one, 1}, Durable::now).front());
}

void Ledger::start_attempts(std::span<const Start> starts, Durable durable) {
  std::vector<store::Start> rows;
  for (const Start& start : starts) rows.push_back({start.id, start.directory, start.handle});
  impl_->store->start(rows, durable);
}

void Ledger::set_handle(SampleId id, int attempt, const std::string& handle) {
  impl_->store->set_handle(id, attempt, handle);
}

void Ledger::set_handle(std::span<const SampleId> ids, const std::string& handle) {
  impl_->store->set_handles(ids, handle);
}

void Ledger::complete(SampleId id, int attempt, const Values& labels, double seconds) {
  const AttemptEnd one{.id = id, .attempt = attempt, .outcome = done(labels), .seconds = seconds};
  end({&one, 1});
}

void Ledger::fail(SampleId id, int attempt, Outcome outcome, double seconds, std::optional<Values> refused) {
  const AttemptEnd one{
      .id = id, .attempt = attempt, .outcome = std::move(outcome), .seconds = seconds, .refused = std::move(refused)};
  end({&one, 1});
}

void Ledger::end(std::span<const AttemptEnd> ended) {
  std::deque<std::string> tensors;  // what the rows point into
  std::vector<store::Ended> rows;
  rows.reserve(ended.size());
  for (const auto& [id, attempt, outcome, seconds, solver, refused] : ended) {
    store::Ended row{.id = id, .attempt = attempt, .seconds = seconds};
    if (outcome.labels) {
      row.labels = tensors.emplace_back(to_safetensors(*outcome.labels));
      row.solver = solver;
    } else {
      row.state = state_after(outcome.verdict);
      row.outcome = refused ? "refused" : outcome.verdict == Verdict::infeasible ? "infeasible" : "failed";
      row.exit_status = outcome.exit_status;
      row.reason = outcome.reason;
      row.output = outcome.output;
      if (refused) row.refused = tensors.emplace_back(to_safetensors(*refused));
    }
    rows.push_back(row);
  }
  impl_->store->end(rows);
}

std::int64_t Ledger::interrupt(std::span<const SampleId> ids) { return impl_->store->interrupt(ids); }

bool Ledger::answer(SampleId id, const std::string& fingerprint) { return impl_->store->answer(id, fingerprint); }

std::int64_t Ledger::retry(std::span<const SampleId> ids) {
  constexpr SampleState from[] = {SampleState::failed, SampleState::abandoned, SampleState::infeasible};
  return impl_->store->move(ids, from, SampleState::queued);
}

std::int64_t Ledger::abandon(std::span<const SampleId> ids) {
  constexpr SampleState from[] = {SampleState::failed, SampleState::queued};
  return impl_->store->move(ids, from, SampleState::abandoned);
}

std::int64_t Ledger::withdraw(std::span<const SampleId> ids, const std::string& reason, SampleState to) {
  return impl_->store->withdraw(ids, reason, to);
}

std::int64_t Ledger::add_to_archive(std::span<const ArchivedLabel> labels) {
  std::deque<std::string> bytes;
  std::vector<store::NewArchived> rows;
  for (const ArchivedLabel& label : labels) {
    const std::string& inputs = bytes.emplace_back(to_safetensors(label.inputs));
    const std::string& columns = bytes.emplace_back(to_safetensors(label.labels));
    rows.push_back({.fingerprint = label.fingerprint, .inputs = inputs, .labels = columns, .source = label.source});
  }
  return impl_->store->archive(rows);
}

void Ledger::integrate(std::int64_t round, std::span<const SampleId> ids, const std::string& file) {
  impl_->store->integrate(round, ids, file);
}

void Ledger::record_picks_file(std::int64_t round, const std::string& sha256) {
  impl_->store->record_file(round, /*labels=*/false, sha256);
}

void Ledger::record_labels_file(std::int64_t round, const std::string& sha256) {
  impl_->store->record_file(round, /*labels=*/true, sha256);
}

double Ledger::record_seconds(std::int64_t round, double seconds) {
  return impl_->store->record_seconds(round, seconds);
}

void Ledger::restore(std::int64_t round, const State& strategy_state, std::span<const SampleRecord> samples) {
  std::vector<store::WholeSample> rows;
  for (const SampleRecord& sample : samples) {
    store::WholeSample row{.row = sample_row(sample.entry), .inputs = to_safetensors(sample.inputs)};
    if (sample.labels) row.labels = to_safetensors(*sample.labels);
    for (const LedgerAttempt& attempt : sample.attempts) {
      row.attempts.emplace_back(store::AttemptRow{.id = sample.entry.id,
                                                  .attempt = attempt.attempt,
                                                  .started = attempt.started,
                                                  .seconds = attempt.seconds,
                                                  .host = attempt.host,
                                                  .outcome = attempt.outcome,
                                                  .exit_status = attempt.exit_status,
                                                  .reason = attempt.reason,
                                                  .output = attempt.output,
                                                  .directory = attempt.directory,
                                                  .handle = attempt.handle,
                                                  .solver = attempt.solver},
                                attempt.refused ? std::optional(to_safetensors(*attempt.refused)) : std::nullopt);
    }
    rows.push_back(std::move(row));
  }
  impl_->store->restore(round_row(round, strategy_state), rows);
}

void Ledger::restore_counters(std::int64_t sequence, std::int64_t next_place) {
  impl_->store->restore_counters(sequence, next_place);
}

}  // namespace assay
