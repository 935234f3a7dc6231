// SPDX-License-Identifier: Apache-2.0
// What changes the store: choosing, the queue of simulations, integration, and putting back what was lost.
#include "store.hpp"

#include "../detail/lease.hpp"
#include "columns.hpp"

#include <assay/error.hpp>

#include <algorithm>

namespace assay::store {

void Store::commit_batch(const RoundRow& round, std::span<const NewSample> samples) {
  change_queue([&] {
    insert(round);
    for (const NewSample& sample : samples) {
      const Column inputs = column_for(sample.inputs);
      SampleRow row = sample.row;
      row.round = round.round;
      row.inputs = digest_of(inputs.bytes);
      insert(row, inputs, std::nullopt);
    }
  });
}

std::vector<std::int64_t> Store::start(std::span<const Start> starts, Durable durable) {
  const std::string began = now(), host = detail::host_name();
  std::vector<std::int64_t> numbers;
  change(
      [&] {
        numbers.clear();
        for (const Start& start : starts) {
          const SampleRow before = known_row(start.id);
          SampleRow after = before;
          after.state = SampleState::running;
          ++after.attempts;
          update(before, after);
          insert(AttemptRow{.id = start.id,
                            .attempt = after.attempts,
                            .started = began,
                            .host = host,
                            .outcome = "running",
                            .directory = start.directory,
                            .handle = start.handle},
                 std::nullopt);
          numbers.push_back(after.attempts);
        }
      },
      durable);
  return numbers;
}

void Store::set_handle(std::int64_t id, std::int64_t attempt, const std::string& handle) {
  change([&] { put_handle(id, attempt, handle); });
}

void Store::set_handles(std::span<const std::int64_t> ids, const std::string& handle) {
  change([&] {
    for (const std::int64_t id : ids) put_handle(id, known_row(id).attempts, handle);
  });
}

void Store::put_handle(std::int64_t id, std::int64_t attempt, const std::string& handle) {
  const std::optional<AttemptRow> before = attempt_row(id, attempt);
  if (!before) throw_unknown(id);
  AttemptRow after = *before;
  after.handle = handle;
  update(*before, after);
}

void Store::end(std::span<const Ended> ended) {
  const std::function<void()> end_all = [&] {
    for (const Ended& one : ended) {
      const SampleRow before = known_row(one.id);
      SampleRow after = before;
      after.state = one.state;
      if (one.labels) {
        const Column labels = column_for(*one.labels);
        after.labels = digest_of(labels.bytes);
        update(before, after, labels);
      } else {
        update(before, after);
      }
      const std::optional<AttemptRow> attempt = attempt_row(one.id, one.attempt);
      if (!attempt) throw_unknown(one.id);
      AttemptRow over = *attempt;
      // One that was answered was no simulation, whatever becomes of its label.
      if (!is_answer(over)) over.outcome = one.outcome;
      over.seconds = one.seconds;
      over.exit_status = one.exit_status;
      over.reason = one.reason;
      over.output = one.output;
      over.solver = one.solver;
      if (one.refused) {
        const Column refused = column_for(*one.refused);
        over.refused = digest_of(refused.bytes);
        set_refused(one.id, one.attempt, refused);
      }
      update(*attempt, over);
    }
  };
  const auto waits_again = [](const Ended& one) { return one.state == SampleState::queued; };
  std::any_of(ended.begin(), ended.end(), waits_again) ? change_queue(end_all) : change(end_all);
}

std::int64_t Store::move(std::span<const std::int64_t> ids, std::span<const SampleState> from, SampleState to) {
  std::int64_t moved = 0;
  if (ids.empty()) return moved;
  change_queue([&] {
    moved = 0;
    for (const std::int64_t id : ids) {
      const std::optional<SampleRow> before = sample_row(id);
      if (!before || std::find(from.begin(), from.end(), before->state) == from.end()) continue;
      SampleRow after = *before;
      after.state = to;
      update(*before, after);
      ++moved;
    }
  });
  return moved;
}

std::int64_t Store::interrupt(std::span<const std::int64_t> ids) {
  std::int64_t moved = 0;
  if (ids.empty()) return moved;
  change_queue([&] {
    moved = 0;
    for (const std::int64_t id : ids) {
      const std::optional<SampleRow> before = sample_row(id);
      if (!before || before->state != SampleState::running) continue;
      SampleRow after = *before;
      after.state = SampleState::queued;
      update(*before, after);
      ++moved;
      std::vector<AttemptRow> running;
      {
        Statement rows = database_.prepare(sql::running_attempts);
        rows.all(id);
        while (rows.next()) running.push_back(attempt_from(rows));
      }
      for (const AttemptRow& attempt : running) {
        AttemptRow over = attempt;
        over.outcome = "interrupted";
        update(attempt, over);
      }
    }
  });
  return moved;
}

bool Store::answer(std::int64_t id, const std::string& fingerprint) {
  const std::vector<std::int64_t> twins = ids(sql::done_by_content, fingerprint);
  // Not from the archive a second time: that label was refused, or taken back.
  const bool again = number("SELECT EXISTS (SELECT 1 FROM attempt WHERE id = ? AND outcome = 'imported')", id) != 0;
  const std::optional<ArchiveRow> found = twins.empty() && !again ? archived(fingerprint) : std::nullopt;
  if (twins.empty() && !found) return false;
  change([&] {
    Column labels;
    {
      const bool copy = !twins.empty();
      Statement row = database_.prepare(copy ? "SELECT labels, labels_digest FROM sample WHERE id = ?"
                                             : "SELECT labels, labels_digest FROM archive WHERE fingerprint = ?");
      copy ? row.bind(1, twins.front()) : row.bind(1, std::string_view(fingerprint));
      if (!row.next()) throw_unknown(id);
      labels = {row.bytes(0), row.is_text(0)};
      if (digest_of(labels.bytes) != digest_from(row.view(1), "ledger"))
        throw_damaged("the label that sample " + std::to_string(id) + " would take was altered");
    }
    const SampleRow before = known_row(id);
    SampleRow after = before;
    after.state = SampleState::done;
    ++after.attempts;
    after.labels = digest_of(labels.bytes);
    update(before, after, labels);
    insert(
        AttemptRow{.id = id,
                   .attempt = after.attempts,
                   .started = now(),
                   .seconds = 0.0,
                   .host = detail::host_name(),
                   .outcome = twins.empty() ? "imported" : "copied",
                   .reason = twins.empty() ? found->source : "same content as sample " + std::to_string(twins.front())},
        std::nullopt);
  });
  return true;
}

std::int64_t Store::withdraw(std::span<const std::int64_t> ids, const std::string& reason, SampleState to) {
  std::int64_t moved = 0;
  if (ids.empty()) return moved;
  change_queue([&] {
    moved = 0;
    for (const std::int64_t id : ids) {
      const std::optional<SampleRow> before = sample_row(id);
      if (!before || before->state != SampleState::done) continue;
      const std::optional<AttemptRow> attempt = attempt_row(id, before->attempts);
      if (!attempt) throw_damaged("sample " + std::to_string(id) + " has a label and no attempt that gave it");
      Column labels;
      {
        Statement row = database_.prepare("SELECT labels FROM sample WHERE id = ?");
        row.all(id).next();
        labels = {row.bytes(0), row.is_text(0)};
      }
      AttemptRow over = *attempt;
      if (over.outcome == "done") over.outcome = "withdrawn";  // one that was copied was no simulation
      over.reason = reason;
      over.refused = before->labels;
      set_refused(id, over.attempt, labels);
      update(*attempt, over);
      if (before->integrated_in) {
        for (const std::int64_t round : {before->round, *before->integrated_in}) {
          for (const bool of_labels : {false, true}) set_file(round, of_labels, std::string(file_out_of_date));
        }
      }
      SampleRow after = *before;
      after.state = to;
      after.labels.reset();
      after.integrated.reset();
      after.integrated_in.reset();
      drop_labels(id);
      update(*before, after);
      ++moved;
    }
  });
  return moved;
}

std::int64_t Store::archive(std::span<const NewArchived> labels) {
  std::int64_t added = 0;
  if (labels.empty()) return added;
  change([&] {
    added = 0;
    for (const NewArchived& label : labels) {
      {
        Statement row = database_.prepare("SELECT 1 FROM archive WHERE fingerprint = ?");
        if (row.all(label.fingerprint).next()) continue;
      }
      const Column inputs = column_for(label.inputs), columns = column_for(label.labels);
      const ArchiveRow row{.fingerprint = label.fingerprint,
                           .source = label.source,
                           .inputs = digest_of(inputs.bytes),
                           .labels = digest_of(columns.bytes)};
      Statement insert = database_.prepare(
          "INSERT INTO archive (fingerprint, inputs, labels, source, inputs_digest, labels_digest, digest) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)");
      insert.bind(1, row.fingerprint);
      bind(insert, 2, inputs);
      bind(insert, 3, columns);
      insert.bind(4, row.source);
      bind(insert, 5, row.inputs);
      bind(insert, 6, row.labels);
      const Digest digest = digest_of(campaign_id_, row);
      bind(insert, 7, digest);
      insert.run();
      add(digest);
      ++added;
    }
  });
  return added;
}

void Store::integrate(std::int64_t round, std::span<const std::int64_t> ids, const std::string& file) {
  change([&] {
    for (const std::int64_t id : ids) {
      const SampleRow before = known_row(id);
      SampleRow after = before;
      after.integrated = next_place_++;
      after.integrated_in = round;
      update(before, after);
    }
    set_file(round, /*labels=*/true, file);
  });
}

void Store::record_file(std::int64_t round, bool labels, const std::string& sha256) {
  change([&] { set_file(round, labels, sha256); }, Durable::with_next);
}

void Store::set_file(std::int64_t round, bool labels, const std::string& sha256) {
  std::optional<RoundRow> before;
  {
    Statement row = database_.prepare(sql::round_by_number);
    if (row.all(round).next()) before = round_from(row);
  }
  if (!before) return;  // a round that chose nothing has no row, and its labels file needs none
  RoundRow after = *before;
  (labels ? after.labels_file : after.picks_file) = sha256;
  update(*before, after);
}

double Store::record_seconds(std::int64_t round, double seconds) {
  const auto recorded = [&]() -> std::optional<double> {
    Statement row = database_.prepare("SELECT seconds, digest FROM clock WHERE round = ?");
    if (!row.all(round).next()) return std::nullopt;
    const double found = row.number(0);
    if (digest_of_clock(campaign_id_, round, found) != digest_from(row.view(1), "ledger, clock"))
      throw_damaged("the seconds of round " + std::to_string(round) + " were altered");
    return found;
  };
  {
    const std::lock_guard lock(mutex_);
    if (const std::optional<double> before = recorded()) return *before;
  }
  change([&] {
    const Digest digest = digest_of_clock(campaign_id_, round, seconds);
    Statement insert = database_.prepare("INSERT INTO clock (round, seconds, digest) VALUES (?, ?, ?)");
    insert.all(round, seconds);
    bind(insert, 3, digest);
    insert.run();
    add(digest);
  });
  return seconds;
}

void Store::restore(const RoundRow& round, std::span<const WholeSample> samples) {
  change_queue([&] {
    insert(round);
    for (const WholeSample& sample : samples) {
      const Column inputs = column_for(sample.inputs);
      SampleRow row = sample.row;
      row.inputs = digest_of(inputs.bytes);
      std::optional<Column> labels;
      if (sample.labels) labels = column_for(*sample.labels);
      row.labels = labels ? std::optional(digest_of(labels->bytes)) : std::nullopt;
      insert(row, inputs, labels);
      for (const auto& [attempt, refused] : sample.attempts) {
        AttemptRow again = attempt;
        std::optional<Column> column;
        if (refused) column = column_for(*refused);
        again.refused = column ? std::optional(digest_of(column->bytes)) : std::nullopt;
        insert(again, column);
      }
    }
  });
}

void Store::restore_counters(std::int64_t sequence, std::int64_t next_place) {
  change([&] {
    least_sequence_ = std::max(least_sequence_, sequence);
    next_place_ = std::max(next_place_, next_place);
  });
}

}  // namespace assay::store
