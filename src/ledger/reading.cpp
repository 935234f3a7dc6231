// SPDX-License-Identifier: Apache-2.0
// What the ledger tells of samples, attempts and counts.
#include "ledger_impl.hpp"

#include <assay/error.hpp>

namespace assay {

using detail::entry_columns;
using detail::entry_from;
using detail::Statement;

std::optional<LedgerEntry> Ledger::find(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  static const std::string sql = std::string(entry_columns) + "WHERE id = ?";
  Statement row = impl_->database.prepare(sql.c_str());
  if (!row.all(id).next()) return std::nullopt;
  return entry_from(row);
}

LedgerEntry Ledger::entry(SampleId id) const {
  std::optional<LedgerEntry> found = find(id);
  if (!found) impl_->throw_unknown(id);
  return std::move(*found);
}

std::vector<LedgerEntry> Ledger::entries() const {
  const std::lock_guard lock(impl_->mutex);
  static const std::string sql = std::string(entry_columns) + "ORDER BY round, rank";
  Statement rows = impl_->database.prepare(sql.c_str());
  std::vector<LedgerEntry> entries;
  while (rows.next()) entries.push_back(entry_from(rows));
  return entries;
}

std::vector<SampleId> Ledger::in_state(SampleState state, std::int64_t limit) const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare("SELECT id FROM sample WHERE state = ? ORDER BY round, rank LIMIT ?");
  rows.all(to_string(state), limit);
  std::vector<SampleId> ids;
  while (rows.next()) ids.push_back(rows.integer(0));
  return ids;
}

Values Ledger::inputs(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare("SELECT inputs FROM sample WHERE id = ?");
  if (!row.all(id).next()) impl_->throw_unknown(id);
  return impl_->tensors(row, 0, id);
}

Values Ledger::labels(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare("SELECT labels FROM sample WHERE id = ? AND labels IS NOT NULL");
  if (!row.all(id).next()) {
    throw CheckpointError(
        {"assay.ledger.labels", impl_->database.file().string(), "labels of sample " + std::to_string(id), "none", ""});
  }
  return impl_->tensors(row, 0, id);
}

std::optional<std::string> Ledger::label_object(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare("SELECT labels FROM sample WHERE id = ? AND typeof(labels) = 'text'");
  if (!row.all(id).next()) return std::nullopt;
  return row.bytes(0);
}

std::vector<std::string> Ledger::objects_in_use() const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare(
      "SELECT inputs FROM sample WHERE typeof(inputs) = 'text' UNION SELECT labels FROM sample WHERE typeof(labels) = "
      "'text' UNION SELECT refused FROM attempt WHERE typeof(refused) = 'text' UNION SELECT inputs FROM archive WHERE "
      "typeof(inputs) = 'text' UNION SELECT labels FROM archive WHERE typeof(labels) = 'text'");
  std::vector<std::string> digests;
  while (rows.next()) digests.push_back(rows.bytes(0));
  return digests;
}

std::vector<LedgerAttempt> Ledger::attempts(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  Statement rows = impl_->database.prepare(
      "SELECT attempt, started, seconds, host, exit_status, outcome, reason, output, directory, handle, refused "
      "FROM attempt WHERE id = ? ORDER BY attempt");
  rows.all(id);
  std::vector<LedgerAttempt> attempts;
  while (rows.next()) {
    attempts.push_back(
        {.attempt = static_cast<int>(rows.integer(0)),
         .started = rows.bytes(1),
         .seconds = rows.is_null(2) ? std::nullopt : std::optional(rows.number(2)),
         .host = rows.bytes(3),
         .exit_status = rows.is_null(4) ? std::nullopt : std::optional(static_cast<int>(rows.integer(4))),
         .outcome = rows.bytes(5),
         .reason = rows.bytes(6),
         .output = rows.bytes(7),
         .directory = rows.bytes(8),
         .handle = rows.bytes(9),
         .refused = rows.is_null(10) ? std::nullopt : std::optional(impl_->tensors(rows, 10, id))});
  }
  return attempts;
}

SampleRecord Ledger::record(SampleId id) const {
  SampleRecord record{.entry = entry(id), .inputs = inputs(id), .labels = std::nullopt, .attempts = attempts(id)};
  if (record.entry.state == SampleState::done) record.labels = labels(id);
  return record;
}

namespace {

/// Adds `number` samples of a purpose that came to `state`.
void add(Counts& counts, Purpose purpose, std::string_view state, std::int64_t number) {
  if (state == "failed") {
    counts.failed += number;
  } else if (state == "infeasible") {
    counts.infeasible += number;
  } else if (state != "done") {
    return;
  } else if (purpose == Purpose::validation) {
    counts.validation_labels += number;
  } else if (purpose == Purpose::test) {
    counts.test_labels += number;
  } else {
    counts.labels += number;
  }
}

}  // namespace

std::int64_t Ledger::count(SampleState state) const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare("SELECT coalesce(sum(n), 0) FROM tally WHERE state = ?");
  row.all(to_string(state)).next();
  return row.integer(0);
}

std::int64_t Ledger::open_until(std::int64_t round) const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare(
      "SELECT count(*) FROM sample WHERE state IN ('queued', 'running') AND round <= ?");
  row.all(round).next();
  return row.integer(0);
}

Counts Ledger::counts() const {
  const std::lock_guard lock(impl_->mutex);
  Counts counts;
  Statement rows = impl_->database.prepare("SELECT purpose, state, n FROM tally");
  while (rows.next()) {
    if (const std::string purpose = rows.bytes(0); purpose == "*") {
      counts.simulations = rows.integer(2);
    } else {
      add(counts, purpose_from_string(purpose), rows.bytes(1), rows.integer(2));
    }
  }
  return counts;
}

Counts Ledger::counts_after(std::int64_t round) const {
  if (last_round() <= round && not_integrated().empty()) return counts();
  const std::lock_guard lock(impl_->mutex);
  Counts counts;
  {
    Statement rows = impl_->database.prepare(
        "SELECT purpose, state, count(*) FROM sample WHERE integrated_in <= ?1 OR (state IN ('failed', 'infeasible') "
        "AND round <= ?1) "
        "GROUP BY purpose, state");
    rows.all(round);
    while (rows.next()) add(counts, purpose_from_string(rows.bytes(0)), rows.bytes(1), rows.integer(2));
  }
  Statement row = impl_->database.prepare(
      "SELECT count(*) FROM attempt JOIN sample USING (id) WHERE sample.round <= ? AND outcome NOT IN ('copied', "
      "'imported')");
  row.all(round).next();
  counts.simulations = row.integer(0);
  return counts;
}

}  // namespace assay
