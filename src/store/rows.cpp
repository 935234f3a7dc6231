// SPDX-License-Identifier: Apache-2.0
// Rows as the tables hold them: read with their digests compared, written with their digests and counted into the sum.
#include "store.hpp"

#include "columns.hpp"

#include <assay/error.hpp>

#include <algorithm>

namespace assay::store {

namespace {

std::optional<std::int64_t> integer_or_none(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.integer(column));
}

std::optional<double> number_or_none(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.number(column));
}

std::optional<Digest> digest_or_none(const Statement& row, int column, std::string_view where) {
  return row.is_null(column) ? std::nullopt : std::optional(digest_from(row.view(column), where));
}

std::string sample_name(std::int64_t id) { return "ledger, sample " + std::to_string(id); }

[[noreturn]] void row_refused(const std::string& where, const char* got) {
  throw CheckpointError(
      {"assay.ledger.damaged", where, "contents that match their digest", got,
       "a bit of the file was flipped, or it was edited: 'assay check --repair' mends what can be mended"});
}

const Digest& require(const Digest& computed, std::span<const std::byte> found, const std::string& where) {
  if (computed != digest_from(found, where)) row_refused(where, "altered contents");
  return computed;
}

}  // namespace

Store::Column Store::column_for(std::string_view tensors) const {
  if (tensors.size() <= largest_inline) return {std::string(tensors), false};
  return {objects_.put(tensors), true};
}

void Store::bind(Statement& statement, int index, const Column& column) {
  column.object ? statement.bind(index, std::string_view(column.bytes)) : statement.bind_blob(index, column.bytes);
}

void Store::bind(Statement& statement, int index, const Digest& digest) {
  statement.bind_blob(index, as_bytes(digest));
}

void Store::bind(Statement& statement, int index, const std::optional<Digest>& digest) {
  digest ? bind(statement, index, *digest) : statement.bind_null(index);
}

std::string Store::tensors(const Statement& row, int column, const Digest& digest, const std::string& where) const {
  std::string bytes = row.bytes(column);
  if (digest_of(bytes) != digest) row_refused(where, "altered tensors");
  return row.is_text(column) ? objects_.get(bytes) : bytes;
}

void Store::require_tensors(const Statement& row, int column, const Digest& digest, std::int64_t id) {
  if (digest_of(row.text(column)) != digest) row_refused(sample_name(id), "altered tensors");
}

SampleRow Store::sample_from(const Statement& row, bool check) const {
  const std::string where = sample_name(row.integer(0));
  SampleRow sample{.id = row.integer(0),
                   .round = row.integer(1),
                   .rank = row.integer(2),
                   .purpose = row.bytes(3),
                   .strategy = row.bytes(4),
                   .score = number_or_none(row, 5),
                   .fingerprint = row.bytes(6),
                   .state = sample_state_from_string(row.text(7)),
                   .attempts = row.integer(8),
                   .integrated = integer_or_none(row, 9),
                   .integrated_in = integer_or_none(row, 10),
                   .inputs = digest_from(row.view(11), where),
                   .labels = digest_or_none(row, 12, where)};
  if (check) sample.digest = require(digest_of(campaign_id_, sample), row.view(13), where);
  return sample;
}

AttemptRow Store::attempt_from(const Statement& row, bool check) const {
  const std::string where = sample_name(row.integer(0)) + ", attempt " + std::to_string(row.integer(1));
  AttemptRow attempt{.id = row.integer(0),
                     .attempt = row.integer(1),
                     .started = row.bytes(2),
                     .seconds = number_or_none(row, 3),
                     .host = row.bytes(4),
                     .outcome = row.bytes(5),
                     .exit_status = integer_or_none(row, 6),
                     .reason = row.bytes(7),
                     .output = row.bytes(8),
                     .directory = row.bytes(9),
                     .handle = row.bytes(10),
                     .solver = row.bytes(11),
                     .refused = digest_or_none(row, 12, where)};
  if (check) attempt.digest = require(digest_of(campaign_id_, attempt), row.view(13), where);
  return attempt;
}

RoundRow Store::round_from(const Statement& row, bool check) const {
  RoundRow round{.round = row.integer(0),
                 .state_json = row.bytes(1),
                 .state_tensors = row.bytes(2),
                 .picks_file = row.bytes(3),
                 .labels_file = row.bytes(4)};
  if (check) require(digest_of(campaign_id_, round), row.view(5), "ledger, round " + std::to_string(round.round));
  return round;
}

ArchiveRow Store::archive_from(const Statement& row, bool check) const {
  const std::string where = "ledger, archived label of " + row.bytes(1);
  ArchiveRow archived{.fingerprint = row.bytes(0),
                      .source = row.bytes(1),
                      .inputs = digest_from(row.view(2), where),
                      .labels = digest_from(row.view(3), where)};
  if (check) require(digest_of(campaign_id_, archived), row.view(4), where);
  return archived;
}

std::optional<SampleRow> Store::sample_row(std::int64_t id) const {
  Statement row = database_.prepare(sql::sample_by_id);
  if (!row.all(id).next()) return std::nullopt;
  return sample_from(row);
}

SampleRow Store::known_row(std::int64_t id) const {
  std::optional<SampleRow> found = sample_row(id);
  if (!found) throw_unknown(id);
  return std::move(*found);
}

std::optional<AttemptRow> Store::attempt_row(std::int64_t id, std::int64_t attempt) const {
  Statement row = database_.prepare(sql::attempt_by_number);
  if (!row.all(id, attempt).next()) return std::nullopt;
  return attempt_from(row);
}

void Store::count(std::string_view purpose, std::string_view state, std::int64_t more) {
  const auto same = [&](const Tally& tally) { return tally.state == state && tally.purpose == purpose; };
  const auto known = std::find_if(tally_change_.begin(), tally_change_.end(), same);
  if (known == tally_change_.end()) {
    tally_change_.push_back({std::string(purpose), std::string(state), more});
  } else {
    known->count += more;
  }
}

/// Once for all changes of a commit. The triggers that do the same, a row at a time, are for programs that look into
/// the ledger with SQLite alone.
void Store::write_tally() {
  for (const Tally& change : tally_change_) {
    if (change.count == 0) continue;
    database_
        .prepare("INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (purpose, state) DO UPDATE SET n = n + excluded.n")
        .all(change.purpose, change.state, change.count)
        .run();
  }
}

void Store::add(const Digest& digest) {
  seal_change_ = plus(seal_change_, digest);
  ++row_change_;
}

void Store::take_out(const Digest& digest) {
  seal_change_ = minus(seal_change_, digest);
  --row_change_;
}

void Store::insert(const SampleRow& row, const Column& inputs, const std::optional<Column>& labels) {
  Statement insert = database_.prepare(
      "INSERT INTO sample (id, round, rank, purpose, strategy, score, fingerprint, state, attempts, integrated, "
      "integrated_in, inputs_digest, labels_digest, digest, inputs, labels) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.all(row.id, row.round, row.rank, row.purpose, row.strategy, row.score, row.fingerprint, to_string(row.state),
             row.attempts, row.integrated, row.integrated_in);
  const Digest digest = digest_of(campaign_id_, row);
  bind(insert, 12, row.inputs);
  bind(insert, 13, row.labels);
  bind(insert, 14, digest);
  bind(insert, 15, inputs);
  labels ? bind(insert, 16, *labels) : insert.bind_null(16);
  insert.run();
  add(digest);
  count(row.purpose, to_string(row.state), 1);
}

void Store::insert(const AttemptRow& row, const std::optional<Column>& refused) {
  Statement insert = database_.prepare(
      "INSERT INTO attempt (id, attempt, started, seconds, host, outcome, exit_status, reason, output, directory, "
      "handle, solver, refused_digest, digest, refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.all(row.id, row.attempt, row.started, row.seconds, row.host, row.outcome, row.exit_status, row.reason,
             row.output, row.directory, row.handle, row.solver);
  const Digest digest = digest_of(campaign_id_, row);
  bind(insert, 13, row.refused);
  bind(insert, 14, digest);
  refused ? bind(insert, 15, *refused) : insert.bind_null(15);
  insert.run();
  add(digest);
  if (!is_answer(row)) count("*", "simulations", 1);
}

void Store::insert(const RoundRow& row) {
  Statement insert = database_.prepare(
      "INSERT INTO round (round, state_json, state_tensors, picks_file, labels_file, digest) VALUES (?, ?, ?, ?, ?, "
      "?)");
  insert.all(row.round, row.state_json);
  insert.bind_blob(3, row.state_tensors);
  insert.bind(4, row.picks_file);
  insert.bind(5, row.labels_file);
  const Digest digest = digest_of(campaign_id_, row);
  bind(insert, 6, digest);
  insert.run();
  add(digest);
}

void Store::insert(const SessionRow& row) {
  Statement insert = database_.prepare("INSERT INTO session (number, id, first, digest) VALUES (?, ?, ?, ?)");
  insert.all(row.number, row.id, row.first);
  const Digest digest = digest_of(campaign_id_, row);
  bind(insert, 4, digest);
  insert.run();
  add(digest);
}

void Store::update(const SampleRow& before, const SampleRow& after) {
  // An index is written for every column that is set, with the same value too.
  const bool placed = after.integrated != before.integrated || after.integrated_in != before.integrated_in;
  const bool turned = after.state != before.state || after.attempts != before.attempts || after.labels != before.labels;
  const Digest digest = digest_of(campaign_id_, after);
  if (turned || !placed) {
    Statement update = database_.prepare(
        "UPDATE sample SET state = ?, attempts = ?, labels_digest = ?, digest = ? WHERE id = ?");
    update.all(to_string(after.state), after.attempts);
    bind(update, 3, after.labels);
    bind(update, 4, digest);
    update.bind(5, after.id);
    update.run();
  }
  if (placed) {
    Statement update = database_.prepare(
        "UPDATE sample SET integrated = ?, integrated_in = ?, digest = ? WHERE id = ?");
    update.all(after.integrated, after.integrated_in);
    bind(update, 3, digest);
    update.bind(4, after.id);
    update.run();
  }
  exchange(before, after, digest);
}

void Store::update(const SampleRow& before, const SampleRow& after, const Column& labels) {
  const Digest digest = digest_of(campaign_id_, after);
  {
    Statement update = database_.prepare(
        "UPDATE sample SET state = ?, attempts = ?, labels_digest = ?, digest = ?, labels = ? WHERE id = ?");
    update.all(to_string(after.state), after.attempts);
    bind(update, 3, after.labels);
    bind(update, 4, digest);
    bind(update, 5, labels);
    update.bind(6, after.id);
    update.run();
  }
  exchange(before, after, digest);
}

/// Counts what a row was out, and what it is in.
void Store::exchange(const SampleRow& before, const SampleRow& after, const Digest& digest) {
  take_out(before.digest);
  add(digest);
  if (before.state == after.state) return;
  count(before.purpose, to_string(before.state), -1);
  count(after.purpose, to_string(after.state), 1);
}

void Store::drop_labels(std::int64_t id) {
  database_.prepare("UPDATE sample SET labels = NULL WHERE id = ?").all(id).run();
}

void Store::update(const AttemptRow& before, const AttemptRow& after) {
  Statement update = database_.prepare(
      "UPDATE attempt SET seconds = ?, outcome = ?, exit_status = ?, reason = ?, output = ?, handle = ?, solver = ?, "
      "refused_digest = ?, digest = ? WHERE id = ? AND attempt = ?");
  update.all(after.seconds, after.outcome, after.exit_status, after.reason, after.output, after.handle, after.solver);
  const Digest digest = digest_of(campaign_id_, after);
  bind(update, 8, after.refused);
  bind(update, 9, digest);
  update.bind(10, after.id);
  update.bind(11, after.attempt);
  update.run();
  take_out(before.digest);
  add(digest);
}

void Store::set_refused(std::int64_t id, std::int64_t attempt, const Column& refused) {
  Statement update = database_.prepare("UPDATE attempt SET refused = ? WHERE id = ? AND attempt = ?");
  bind(update, 1, refused);
  update.bind(2, id);
  update.bind(3, attempt);
  update.run();
}

void Store::update(const RoundRow& before, const RoundRow& after) {
  Statement update = database_.prepare("UPDATE round SET picks_file = ?, labels_file = ?, digest = ? WHERE round = ?");
  update.all(after.picks_file, after.labels_file);
  const Digest digest = digest_of(campaign_id_, after);
  bind(update, 3, digest);
  update.bind(4, after.round);
  update.run();
  take_out(digest_of(campaign_id_, before));
  add(digest);
}

}  // namespace assay::store
