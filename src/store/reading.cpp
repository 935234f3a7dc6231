// SPDX-License-Identifier: Apache-2.0
// What the store tells. Rows that are read as a whole are compared with their digests.
#include "store.hpp"

#include "columns.hpp"

#include <assay/error.hpp>

namespace assay::store {

namespace {

std::string name_of(std::int64_t id) { return "ledger, sample " + std::to_string(id); }

}  // namespace

std::optional<RoundRow> Store::round(std::int64_t round) const {
  const std::lock_guard lock(mutex_);
  Statement row = database_.prepare(sql::round_by_number);
  if (!row.all(round).next()) return std::nullopt;
  return round_from(row);
}

std::vector<std::int64_t> Store::rounds() const { return ids("SELECT round FROM round ORDER BY round"); }

std::optional<SampleRow> Store::find(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  return sample_row(id);
}

SampleRow Store::sample(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  return known_row(id);
}

std::vector<SampleRow> Store::samples() const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(sql::all_samples);
  std::vector<SampleRow> found;
  while (rows.next()) found.push_back(sample_from(rows));
  return found;
}

std::vector<SampleRow> Store::samples(std::span<const std::int64_t> ids) const {
  const std::lock_guard lock(mutex_);
  const Reading reading(database_);
  std::vector<SampleRow> found;
  found.reserve(ids.size());
  for (const std::int64_t id : ids) found.push_back(known_row(id));
  return found;
}

void Store::for_each_queued(std::int64_t limit,
                            const std::function<void(const SampleRow&, std::optional<std::string_view>)>& use) const {
  const std::lock_guard lock(mutex_);
  const InputsUse with_inputs = [&](const SampleRow& row, std::string_view inputs) { use(row, inputs); };
  Statement rows = database_.prepare(sql::queued_with_inputs);
  rows.all(limit);
  while (rows.next()) {
    if (rows.is_text(14)) {
      use(sample_from(rows), std::nullopt);
    } else {
      show_inputs(rows, with_inputs);
    }
  }
}

std::vector<SampleRow> Store::samples_of(std::int64_t round) const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(sql::samples_of_round);
  rows.all(round);
  std::vector<SampleRow> found;
  while (rows.next()) found.push_back(sample_from(rows));
  return found;
}

/// What stands in a row's column of inputs, or in the object that it names.
void Store::show_inputs(const Statement& row, const InputsUse& use) const {
  const SampleRow sample = sample_from(row);
  if (row.is_text(14)) return use(sample, tensors(row, 14, sample.inputs, name_of(sample.id)));
  require_tensors(row, 14, sample.inputs, sample.id);
  use(sample, row.text(14));
}

void Store::for_each_inputs(std::span<const std::int64_t> ids, const InputsUse& use) const {
  const std::lock_guard lock(mutex_);
  const Reading reading(database_);
  for (const std::int64_t id : ids) {
    Statement row = database_.prepare(sql::sample_with_inputs);
    if (!row.all(id).next()) throw_unknown(id);
    show_inputs(row, use);
  }
}

void Store::for_each_inputs_of(std::int64_t round, const InputsUse& use) const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(sql::inputs_of_round);
  rows.all(round);
  while (rows.next()) show_inputs(rows, use);
}

std::vector<AttemptRow> Store::last_attempts(SampleState state) const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(sql::last_attempts_in_state);
  rows.all(to_string(state));
  std::vector<AttemptRow> found;
  while (rows.next()) found.push_back(attempt_from(rows));
  return found;
}

std::string Store::inputs(std::int64_t id) const {
  std::string bytes;
  for_each_inputs({&id, 1}, [&](const SampleRow&, std::string_view inputs) { bytes = inputs; });
  return bytes;
}

std::string Store::labels(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  Statement row = database_.prepare(sql::sample_with_tensors);
  if (row.all(id).next()) {
    const SampleRow sample = sample_from(row);
    if (sample.labels) return tensors(row, 15, *sample.labels, name_of(id));
  }
  throw_unlabeled(id);
}

std::vector<std::pair<AttemptRow, std::optional<std::string>>> Store::attempts(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(sql::attempts_of);
  rows.all(id);
  std::vector<std::pair<AttemptRow, std::optional<std::string>>> found;
  while (rows.next()) {
    AttemptRow attempt = attempt_from(rows);
    std::optional<std::string> refused;
    if (attempt.refused) refused = tensors(rows, 14, *attempt.refused, name_of(id));
    found.emplace_back(std::move(attempt), std::move(refused));
  }
  return found;
}

WholeSample Store::whole(std::int64_t id) const {
  WholeSample whole{.row = sample(id), .inputs = inputs(id), .labels = std::nullopt, .attempts = attempts(id)};
  if (whole.row.state == SampleState::done) whole.labels = labels(id);
  return whole;
}

std::optional<ArchiveRow> Store::archived(const std::string& fingerprint) const {
  const std::lock_guard lock(mutex_);
  Statement row = database_.prepare(sql::archived_by_content);
  if (!row.all(fingerprint).next()) return std::nullopt;
  return archive_from(row);
}

std::optional<std::pair<ArchiveRow, std::string>> Store::archived_labels(const std::string& fingerprint) const {
  const std::lock_guard lock(mutex_);
  Statement row = database_.prepare(sql::archived_by_content);
  if (!row.all(fingerprint).next()) return std::nullopt;
  ArchiveRow found = archive_from(row);
  std::string labels(tensors(row, 6, found.labels, found.source));
  return std::pair(std::move(found), std::move(labels));
}

void Store::for_each_archived(
    bool unused, const std::function<void(const ArchiveRow&, std::string_view, std::string_view)>& use) const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(unused ? sql::unused_archived : sql::all_archived);
  while (rows.next()) {
    const ArchiveRow row = archive_from(rows);
    use(row, tensors(rows, 5, row.inputs, row.source), tensors(rows, 6, row.labels, row.source));
  }
}

std::vector<std::pair<std::int64_t, double>> Store::clock() const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(sql::all_times);
  std::vector<std::pair<std::int64_t, double>> times;
  while (rows.next()) times.emplace_back(rows.integer(0), rows.number(1));
  return times;
}

std::vector<Store::Tally> Store::tally() const {
  const std::lock_guard lock(mutex_);
  return read_tally();
}

/// With the database's lock held.
std::vector<Store::Tally> Store::read_tally() const {
  Statement rows = database_.prepare("SELECT purpose, state, n FROM tally");
  std::vector<Tally> found;
  while (rows.next()) found.push_back({rows.bytes(0), rows.bytes(1), rows.integer(2)});
  return found;
}

std::vector<Store::Tally> Store::tally_after(std::int64_t round) const {
  const std::lock_guard lock(mutex_);
  std::vector<Tally> found;
  {
    Statement rows = database_.prepare(
        "SELECT purpose, state, count(*) FROM sample WHERE integrated_in <= ?1 OR (state IN ('failed', 'infeasible') "
        "AND round <= ?1) GROUP BY purpose, state");
    rows.all(round);
    while (rows.next()) found.push_back({rows.bytes(0), rows.bytes(1), rows.integer(2)});
  }
  Statement row = database_.prepare(
      "SELECT count(*) FROM attempt JOIN sample USING (id) WHERE sample.round <= ? AND outcome NOT IN ('copied', "
      "'imported')");
  row.all(round).next();
  found.push_back({"*", "simulations", row.integer(0)});
  return found;
}

std::int64_t Store::answered_after(std::int64_t round) const {
  const std::lock_guard lock(mutex_);
  Statement row = database_.prepare(
      "SELECT count(*) FROM sample JOIN attempt ON attempt.id = sample.id AND attempt.attempt = sample.attempts "
      "WHERE sample.state = 'done' AND sample.integrated_in <= ? AND attempt.outcome IN ('copied', 'imported')");
  row.all(round).next();
  return row.integer(0);
}

/// Shows a row of all columns, inputs and labels.
void Store::show_labeled(const Statement& row, const SampleRow& sample, const LabeledUse& use) const {
  const std::string name = name_of(sample.id);
  const std::string inputs = tensors(row, 14, sample.inputs, name), labels = tensors(row, 15, *sample.labels, name);
  use(sample, std::as_bytes(std::span(inputs)), std::as_bytes(std::span(labels)));
}

void Store::for_each_integrated(std::int64_t first, std::int64_t last, const LabeledUse& use) const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(sql::integrated_with_tensors);
  rows.all(first, last);
  while (rows.next()) {
    const SampleRow row = sample_from(rows);
    if (!row.labels) throw_damaged("sample " + std::to_string(row.id) + " was folded in and has no label");
    show_labeled(rows, row, use);
  }
}

void Store::for_each_labeled(std::span<const std::int64_t> ids, const LabeledUse& use) const {
  const std::lock_guard lock(mutex_);
  const Reading reading(database_);
  for (const std::int64_t id : ids) {
    Statement rows = database_.prepare(sql::sample_with_tensors);
    if (!rows.all(id).next()) throw_unknown(id);
    const SampleRow row = sample_from(rows);
    if (!row.labels) throw_unlabeled(id);
    show_labeled(rows, row, use);
  }
}

std::vector<std::string> Store::objects_in_use() const {
  const std::lock_guard lock(mutex_);
  Statement rows = database_.prepare(
      "SELECT inputs FROM sample WHERE typeof(inputs) = 'text' UNION SELECT labels FROM sample WHERE typeof(labels) = "
      "'text' UNION SELECT refused FROM attempt WHERE typeof(refused) = 'text' UNION SELECT inputs FROM archive WHERE "
      "typeof(inputs) = 'text' UNION SELECT labels FROM archive WHERE typeof(labels) = 'text'");
  std::vector<std::string> digests;
  while (rows.next()) digests.push_back(rows.bytes(0));
  return digests;
}

std::optional<std::string> Store::label_object(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  Statement row = database_.prepare("SELECT labels FROM sample WHERE id = ? AND typeof(labels) = 'text'");
  if (!row.all(id).next()) return std::nullopt;
  return row.bytes(0);
}

}  // namespace assay::store
