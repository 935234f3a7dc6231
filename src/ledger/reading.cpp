// SPDX-License-Identifier: Apache-2.0
// What the ledger tells of samples, attempts and counts.
#include "../data/row_stacker.hpp"
#include "../store/columns.hpp"
#include "ledger_impl.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <limits>

namespace assay {

LedgerEntry detail::entry_from(const store::SampleRow& row) {
  return {.id = row.id,
          .purpose = purpose_from_string(row.purpose),
          .round = row.round,
          .rank = row.rank,
          .score = row.score,
          .strategy = row.strategy,
          .fingerprint = row.fingerprint,
          .state = row.state,
          .attempts = static_cast<int>(row.attempts),
          .integrated = row.integrated,
          .integrated_in = row.integrated_in};
}

LedgerAttempt detail::attempt_from(const store::AttemptRow& row, const std::optional<std::string>& refused) {
  return {.attempt = static_cast<int>(row.attempt),
          .started = row.started,
          .seconds = row.seconds,
          .host = row.host,
          .exit_status = row.exit_status ? std::optional(static_cast<int>(*row.exit_status)) : std::nullopt,
          .outcome = row.outcome,
          .reason = row.reason,
          .output = row.output,
          .directory = row.directory,
          .handle = row.handle,
          .solver = row.solver,
          .refused = refused ? std::optional(tensors_from(*refused, row.id)) : std::nullopt};
}

std::string detail::place_of(SampleId id) { return "ledger, sample " + std::to_string(id); }

Values detail::tensors_from(std::string_view bytes, SampleId id) {
  return from_safetensors(std::as_bytes(std::span(bytes)), place_of(id));
}

const std::string& Ledger::campaign_id() const noexcept { return impl_->store->campaign_id(); }
std::string Ledger::configuration() const { return impl_->store->campaign().configuration; }
std::int64_t Ledger::behavior() const { return impl_->store->campaign().behavior; }
std::int64_t Ledger::sequence() const { return impl_->store->campaign().sequence; }

std::vector<std::string> Ledger::problems() const {
  std::vector<std::string> problems;
  for (store::Damage& damage : impl_->store->damage()) problems.push_back(std::move(damage.what));
  return problems;
}

Lineage Ledger::compared_with(const Ledger& other) const {
  const std::vector<store::SessionRow> mine = impl_->store->sessions(), theirs = other.impl_->store->sessions();
  const std::int64_t my_end = sequence(), their_end = other.sequence();
  if (campaign_id() != other.campaign_id()) return Lineage::diverged;
  std::size_t common = 0;
  while (common < std::min(mine.size(), theirs.size()) && mine[common].id == theirs[common].id &&
         mine[common].first == theirs[common].first)
    ++common;
  // Where a ledger's last common session ended: where its next began, or where it stands.
  const auto end = [&](const std::vector<store::SessionRow>& sessions, std::int64_t now) {
    return common < sessions.size() ? sessions[common].first : now;
  };
  const std::int64_t my_part = end(mine, my_end), their_part = end(theirs, their_end);
  const bool i_go_on = common < mine.size() || my_part > their_part;
  const bool they_go_on = common < theirs.size() || their_part > my_part;
  if (i_go_on && they_go_on) return Lineage::diverged;
  if (i_go_on) return my_part >= their_part ? Lineage::ahead : Lineage::diverged;
  if (they_go_on) return their_part >= my_part ? Lineage::behind : Lineage::diverged;
  return Lineage::same;
}

std::optional<State> Ledger::strategy_state(std::int64_t round) const {
  const std::optional<store::RoundRow> row = impl_->store->round(round);
  if (!row) return std::nullopt;
  const std::string where = "ledger, round " + std::to_string(round);
  return State{.json = parse_json(row->state_json, where),
               .tensors = from_safetensors(std::as_bytes(std::span(row->state_tensors)), where)};
}

std::optional<CommittedBatch> Ledger::batch(std::int64_t round) const {
  std::optional<State> state = strategy_state(round);
  if (!state) return std::nullopt;
  CommittedBatch batch{.entries = {}, .strategy_state = std::move(*state)};
  for (const store::SampleRow& sample : impl_->store->samples_of(round))
    batch.entries.push_back(detail::entry_from(sample));
  return batch;
}

std::int64_t Ledger::last_round() const { return impl_->store->number("SELECT coalesce(max(round), -1) FROM round"); }

std::vector<SampleId> Ledger::picked(std::int64_t first, std::int64_t last) const {
  return impl_->store->ids("SELECT id FROM sample WHERE round >= ? AND round <= ? ORDER BY round, rank", first,
                           last < 0 ? std::numeric_limits<std::int64_t>::max() : last);
}

std::vector<SampleId> Ledger::in_state(SampleState state, std::int64_t limit) const {
  return impl_->store->ids("SELECT id FROM sample WHERE state = ? ORDER BY round, rank LIMIT ?", to_string(state),
                           limit);
}

std::int64_t Ledger::count(SampleState state) const {
  return impl_->store->number("SELECT coalesce(sum(n), 0) FROM tally WHERE state = ?", to_string(state));
}

std::int64_t Ledger::open_until(std::int64_t round) const {
  return impl_->store->number("SELECT count(*) FROM sample WHERE state IN ('queued', 'running') AND round <= ?", round);
}

int Ledger::failures(SampleId id) const {
  return static_cast<int>(
      impl_->store->number("SELECT count(*) FROM attempt WHERE id = ? AND outcome IN ('failed', 'refused')", id));
}

std::int64_t Ledger::archive_size() const { return impl_->store->number("SELECT count(*) FROM archive"); }

std::vector<std::int64_t> Ledger::rounds_out_of_date() const {
  std::vector<std::int64_t> rounds;
  for (std::int64_t round = 0; round <= last_round(); ++round) {
    const RoundFileDigests files = round_files(round);
    if (files.labels == store::file_out_of_date || files.picks == store::file_out_of_date) rounds.push_back(round);
  }
  return rounds;
}

bool Ledger::has_answers() const {
  return impl_->store->number(
             "SELECT EXISTS (SELECT 1 FROM archive) OR EXISTS (SELECT 1 FROM tally WHERE state = 'done' AND n > 0)") !=
         0;
}

std::optional<Ledger::Answer> Ledger::answer_to(const std::string& fingerprint) const {
  const std::vector<SampleId> done = impl_->store->ids(store::sql::done_by_content, fingerprint);
  if (!done.empty()) return Answer{labels(done.front()), "sample " + std::to_string(done.front())};
  const auto found = impl_->store->archived_labels(fingerprint);
  if (!found) return std::nullopt;
  const auto& [row, bytes] = *found;
  return Answer{from_safetensors(std::as_bytes(std::span(bytes)), row.source), row.source};
}

bool Ledger::can_answer(const std::string& fingerprint) const {
  return impl_->store->number(
             "SELECT EXISTS (SELECT 1 FROM archive WHERE fingerprint = ?1) OR EXISTS (SELECT 1 FROM sample WHERE "
             "fingerprint = ?1 AND state = 'done')",
             fingerprint) != 0;
}

std::vector<SampleId> Ledger::not_integrated() const {
  return impl_->store->ids("SELECT id FROM sample WHERE state = 'done' AND integrated IS NULL ORDER BY round, rank");
}

std::vector<SampleId> Ledger::integrated_in(std::int64_t round) const {
  return impl_->store->ids("SELECT id FROM sample WHERE integrated_in = ? ORDER BY integrated", round);
}

std::vector<SampleId> Ledger::integrated(std::int64_t first) const {
  return impl_->store->ids("SELECT id FROM sample WHERE integrated >= ? ORDER BY integrated", first);
}

std::int64_t Ledger::next_place() const { return impl_->store->campaign().next_place; }

void Ledger::for_each_integrated(std::int64_t first, std::int64_t last,
                                 const std::function<void(const IntegratedRow&)>& use) const {
  impl_->store->for_each_integrated(
      first, last,
      [&](const store::SampleRow& row, std::span<const std::byte> inputs, std::span<const std::byte> labels) {
        use({.id = row.id, .purpose = purpose_from_string(row.purpose), .inputs = inputs, .labels = labels});
      });
}

RoundFileDigests Ledger::round_files(std::int64_t round) const {
  const std::optional<store::RoundRow> row = impl_->store->round(round);
  return row ? RoundFileDigests{row->picks_file, row->labels_file} : RoundFileDigests{};
}

std::optional<LedgerEntry> Ledger::find(SampleId id) const {
  const std::optional<store::SampleRow> row = impl_->store->find(id);
  return row ? std::optional(detail::entry_from(*row)) : std::nullopt;
}

LedgerEntry Ledger::entry(SampleId id) const { return detail::entry_from(impl_->store->sample(id)); }

std::vector<LedgerEntry> Ledger::entries() const {
  std::vector<LedgerEntry> entries;
  for (const store::SampleRow& row : impl_->store->samples()) entries.push_back(detail::entry_from(row));
  return entries;
}

std::vector<LedgerEntry> Ledger::entries(std::span<const SampleId> ids) const {
  std::vector<LedgerEntry> entries;
  entries.reserve(ids.size());
  for (const store::SampleRow& row : impl_->store->samples(ids)) entries.push_back(detail::entry_from(row));
  return entries;
}

Values Ledger::inputs(SampleId id) const { return detail::tensors_from(impl_->store->inputs(id), id); }
std::vector<Values> Ledger::inputs(std::span<const SampleId> ids) const {
  detail::RunStacker runs;
  impl_->store->for_each_inputs(ids, [&](const store::SampleRow& row, std::string_view inputs) {
    runs.add(std::as_bytes(std::span(inputs)), detail::place_of(row.id));
  });
  return detail::rows_of(runs.take());
}

std::vector<QueuedSample> Ledger::queue(std::int64_t limit) const {
  std::vector<QueuedSample> queue;
  detail::RunStacker runs;
  impl_->store->for_each_queued(limit, [&](const store::SampleRow& row, std::optional<std::string_view> inputs) {
    queue.push_back({.entry = detail::entry_from(row), .inputs = std::nullopt});
    if (!inputs) return;
    runs.add(std::as_bytes(std::span(*inputs)), detail::place_of(row.id));
    queue.back().inputs.emplace();
  });
  std::vector<Values> inputs = detail::rows_of(runs.take());
  auto next = inputs.begin();
  for (QueuedSample& sample : queue) {
    if (sample.inputs) sample.inputs = std::move(*next++);
  }
  return queue;
}

std::int64_t Ledger::queue_changes() const noexcept { return impl_->store->queue_changes(); }

void Ledger::for_each_pick(
    std::int64_t round, const std::function<void(const LedgerEntry&, std::span<const std::byte> inputs)>& use) const {
  impl_->store->for_each_inputs_of(round, [&](const store::SampleRow& row, std::string_view inputs) {
    use(detail::entry_from(row), std::as_bytes(std::span(inputs)));
  });
}

Values Ledger::labels(SampleId id) const { return detail::tensors_from(impl_->store->labels(id), id); }

std::vector<LabeledSample> Ledger::labeled(std::span<const SampleId> ids) const {
  std::vector<LabeledSample> found;
  detail::RunStacker inputs, labels;
  impl_->store->for_each_labeled(ids, [&](const store::SampleRow& row, std::span<const std::byte> of_inputs,
                                          std::span<const std::byte> of_labels) {
    found.push_back({.entry = detail::entry_from(row), .inputs = {}, .labels = {}});
    inputs.add(of_inputs, detail::place_of(row.id));
    labels.add(of_labels, detail::place_of(row.id));
  });
  std::vector<Values> input_rows = detail::rows_of(inputs.take()), label_rows = detail::rows_of(labels.take());
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i].inputs = std::move(input_rows[i]);
    found[i].labels = std::move(label_rows[i]);
  }
  return found;
}

std::optional<std::string> Ledger::label_object(SampleId id) const { return impl_->store->label_object(id); }
std::vector<std::string> Ledger::objects_in_use() const { return impl_->store->objects_in_use(); }

std::vector<LedgerAttempt> Ledger::attempts(SampleId id) const {
  std::vector<LedgerAttempt> attempts;
  for (const auto& [row, refused] : impl_->store->attempts(id)) attempts.push_back(detail::attempt_from(row, refused));
  return attempts;
}

std::vector<std::pair<SampleId, LedgerAttempt>> Ledger::last_attempts(SampleState state) const {
  std::vector<std::pair<SampleId, LedgerAttempt>> last;
  for (const store::AttemptRow& row : impl_->store->last_attempts(state))
    last.emplace_back(row.id, detail::attempt_from(row, std::nullopt));
  return last;
}

SampleRecord Ledger::record(SampleId id) const {
  const store::WholeSample whole = impl_->store->whole(id);
  SampleRecord record{.entry = detail::entry_from(whole.row),
                      .inputs = detail::tensors_from(whole.inputs, id),
                      .labels = std::nullopt,
                      .attempts = {}};
  if (whole.labels) record.labels = detail::tensors_from(*whole.labels, id);
  for (const auto& [row, refused] : whole.attempts) record.attempts.push_back(detail::attempt_from(row, refused));
  return record;
}

std::vector<std::pair<std::int64_t, double>> Ledger::recorded_seconds() const { return impl_->store->clock(); }

std::vector<ArchivedLabel> Ledger::archived_labels(bool unused) const {
  std::vector<ArchivedLabel> labels;
  impl_->store->for_each_archived(
      unused, [&](const store::ArchiveRow& row, std::string_view inputs, std::string_view columns) {
        labels.push_back({.fingerprint = row.fingerprint,
                          .inputs = from_safetensors(std::as_bytes(std::span(inputs)), row.source),
                          .labels = from_safetensors(std::as_bytes(std::span(columns)), row.source),
                          .source = row.source});
      });
  return labels;
}

namespace {

Counts counts_from(const std::vector<store::Store::Tally>& tally) {
  Counts counts;
  for (const store::Store::Tally& row : tally) {
    if (row.purpose == "*") {
      counts.simulations = row.count;
    } else if (row.state == "failed") {
      counts.failed += row.count;
    } else if (row.state == "infeasible") {
      counts.infeasible += row.count;
    } else if (row.state == "done") {
      const Purpose purpose = purpose_from_string(row.purpose);
      (purpose == Purpose::validation ? counts.validation_labels
       : purpose == Purpose::test     ? counts.test_labels
                                      : counts.labels) += row.count;
    }
  }
  return counts;
}

}  // namespace

Counts Ledger::counts() const { return counts_from(impl_->store->tally()); }

Counts Ledger::counts_after(std::int64_t round) const {
  if (last_round() <= round && not_integrated().empty()) return counts();
  return counts_from(impl_->store->tally_after(round));
}

std::int64_t Ledger::answered_after(std::int64_t round) const { return impl_->store->answered_after(round); }

}  // namespace assay
