// SPDX-License-Identifier: Apache-2.0
// The ledger as the record of what was chosen, and in which order it was folded in.
#include "ledger_impl.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>

namespace assay {

using detail::entry_columns;
using detail::entry_from;
using detail::Statement;

namespace {

void insert_round(detail::Database& database, std::int64_t round, const State& state) {
  Statement insert = database.prepare("INSERT INTO round VALUES (?, ?, ?)");
  const std::string json = state.json.dump(), tensors = to_safetensors(state.tensors);
  insert.bind(1, round);
  insert.bind(2, json);
  insert.bind_blob(3, tensors);
  insert.run();
}

std::vector<SampleId> ids_of(Statement& rows) {
  std::vector<SampleId> ids;
  while (rows.next()) ids.push_back(rows.integer(0));
  return ids;
}

}  // namespace

void Ledger::commit_batch(std::int64_t round, std::span<const NewEntry> entries, const State& strategy_state) {
  impl_->change([&] {
    insert_round(impl_->database, round, strategy_state);
    for (const NewEntry& entry : entries) {
      Statement insert = impl_->database.prepare(
          "INSERT INTO sample (id, round, rank, purpose, strategy, score, fingerprint, state, inputs) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)");
      insert.all(entry.id, round, entry.rank, to_string(entry.purpose), entry.strategy, entry.score, entry.fingerprint);
      impl_->bind_tensors(insert, 8, entry.inputs);
      insert.run();
    }
  });
}

std::optional<CommittedBatch> Ledger::batch(std::int64_t round) const {
  const std::lock_guard lock(impl_->mutex);
  CommittedBatch batch;
  {
    Statement row = impl_->database.prepare("SELECT state_json, state_tensors FROM round WHERE round = ?");
    if (!row.all(round).next()) return std::nullopt;
    const std::string where = "ledger, round " + std::to_string(round), tensors = row.bytes(1);
    batch.strategy_state.json = parse_json(row.bytes(0), where);
    batch.strategy_state.tensors = from_safetensors(std::as_bytes(std::span(tensors)), where);
  }
  static const std::string sql = std::string(entry_columns) + "WHERE round = ? ORDER BY rank";
  Statement rows = impl_->database.prepare(sql.c_str());
  rows.all(round);
  while (rows.next()) batch.entries.push_back(entry_from(rows));
  return batch;
}

std::int64_t Ledger::last_round() const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare("SELECT coalesce(max(round), -1) FROM round");
  row.next();
  return row.integer(0);
}

std::vector<SampleId> Ledger::picked(std::int64_t first, std::int64_t last) const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare(
      "SELECT id FROM sample WHERE round >= ? AND round <= ? ORDER BY round, rank");
  return ids_of(rows.all(first, last < 0 ? std::numeric_limits<std::int64_t>::max() : last));
}

std::vector<SampleId> Ledger::not_integrated() const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare(
      "SELECT id FROM sample WHERE state = 'done' AND integrated IS NULL ORDER BY round, rank");
  return ids_of(rows);
}

std::vector<SampleId> Ledger::integrated_in(std::int64_t round) const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare("SELECT id FROM sample WHERE integrated_in = ? ORDER BY integrated");
  return ids_of(rows.all(round));
}

void Ledger::integrate(std::int64_t round, std::span<const SampleId> ids) {
  impl_->change([&] {
    for (const SampleId id : ids) {
      impl_->database
          .prepare(
              "UPDATE sample SET integrated = (SELECT coalesce(max(integrated) + 1, 0) FROM sample), "
              "integrated_in = ? WHERE id = ?")
          .all(round, id)
          .run();
    }
  });
}

std::vector<SampleId> Ledger::integrated(std::int64_t first, std::int64_t limit) const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare("SELECT id FROM sample WHERE integrated >= ? ORDER BY integrated LIMIT ?");
  return ids_of(rows.all(first, limit));
}

std::int64_t Ledger::integrated_count() const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare("SELECT coalesce(max(integrated) + 1, 0) FROM sample");
  row.next();
  return row.integer(0);
}

void Ledger::for_each_integrated(std::int64_t first, std::int64_t limit,
                                 const std::function<void(const IntegratedRow&)>& use) const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare(
      "SELECT id, purpose, inputs, labels FROM sample WHERE integrated >= ? ORDER BY integrated LIMIT ?");
  rows.all(first, limit);
  std::string inputs, labels;
  const auto bytes = [&](int column, std::string& large) {
    if (!rows.is_text(column)) return rows.view(column);
    large = impl_->tensor_bytes(rows, column);
    return std::as_bytes(std::span(std::as_const(large)));
  };
  while (rows.next()) {
    use({.id = rows.integer(0),
         .purpose = purpose_from_string(rows.bytes(1)),
         .inputs = bytes(2, inputs),
         .labels = bytes(3, labels)});
  }
}

double Ledger::record_seconds(std::int64_t round, double seconds) {
  const auto recorded = [&]() -> std::optional<double> {
    const std::lock_guard lock(impl_->mutex);
    Statement row = impl_->database.prepare("SELECT seconds FROM clock WHERE round = ?");
    if (!row.all(round).next()) return std::nullopt;
    return row.number(0);
  };
  if (const std::optional<double> before = recorded()) return *before;
  impl_->change([&] { impl_->database.prepare("INSERT INTO clock VALUES (?, ?)").all(round, seconds).run(); });
  return seconds;
}

void Ledger::restore(std::int64_t round, const State& strategy_state, std::span<const SampleRecord> samples) {
  impl_->change([&] {
    insert_round(impl_->database, round, strategy_state);
    for (const SampleRecord& sample : samples) {
      const LedgerEntry& entry = sample.entry;
      {
        Statement insert = impl_->database.prepare(
            "INSERT INTO sample (id, round, rank, purpose, strategy, score, fingerprint, state, attempts, integrated, "
            "integrated_in, inputs, labels) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        insert.all(entry.id, entry.round, entry.rank, to_string(entry.purpose), entry.strategy, entry.score,
                   entry.fingerprint, to_string(entry.state), entry.attempts, entry.integrated, entry.integrated_in);
        impl_->bind_tensors(insert, 12, sample.inputs);
        sample.labels ? impl_->bind_tensors(insert, 13, *sample.labels) : insert.bind_null(13);
        insert.run();
      }
      for (const LedgerAttempt& attempt : sample.attempts) {
        Statement insert = impl_->database.prepare("INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        insert.all(entry.id, attempt.attempt, attempt.started, attempt.seconds, attempt.host, attempt.outcome,
                   attempt.exit_status, attempt.reason, attempt.output, attempt.directory, attempt.handle);
        attempt.refused ? impl_->bind_tensors(insert, 12, *attempt.refused) : insert.bind_null(12);
        insert.run();
      }
    }
  });
}

void Ledger::restore_sequence(std::int64_t sequence) {
  impl_->change(
      [&] { impl_->database.prepare("UPDATE campaign SET sequence = max(sequence, ?)").all(sequence).run(); });
}

}  // namespace assay
