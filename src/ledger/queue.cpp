// SPDX-License-Identifier: Apache-2.0
// The ledger as the queue of simulations.
#include "ledger_impl.hpp"

#include <assay/error.hpp>

#include <array>
#include <chrono>
#include <ctime>

namespace assay {

using detail::Statement;

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

}  // namespace

std::string detail::now() {
  const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::vector<SampleId> Ledger::queued(std::int64_t limit) const { return in_state(SampleState::queued, limit); }

void Ledger::sync() { impl_->sync(); }

int Ledger::start_attempt(SampleId id, const std::string& directory) {
  const Start one{id, directory};
  start_attempts({&one, 1});
  return entry(id).attempts;
}

void Ledger::start_attempts(std::span<const Start> starts, Durable durable) {
  const std::string began = detail::now(), host = detail::host_name();
  impl_->change(
      [&] {
        for (const Start& start : starts) {
          std::int64_t attempt = 0;
          {
            Statement row = impl_->database.prepare(
                "UPDATE sample SET state = 'running', attempts = attempts + 1 WHERE id = ? RETURNING attempts");
            if (!row.all(start.id).next()) impl_->throw_unknown(start.id);
            attempt = row.integer(0);
          }
          impl_->database
              .prepare(
                  "INSERT INTO attempt (id, attempt, started, host, outcome, directory) VALUES (?, ?, ?, ?, 'running', "
                  "?)")
              .all(start.id, attempt, began, host, start.directory)
              .run();
        }
      },
      durable);
}

void Ledger::set_handle(SampleId id, int attempt, const std::string& handle) {
  impl_->change([&] {
    impl_->database.prepare("UPDATE attempt SET handle = ? WHERE id = ? AND attempt = ?")
        .all(handle, id, attempt)
        .run();
  });
}

void Ledger::complete(SampleId id, int attempt, const Values& labels, double seconds) {
  const Completion one{.id = id, .attempt = attempt, .labels = &labels, .seconds = seconds};
  complete({&one, 1});
}

void Ledger::complete(std::span<const Completion> completions) {
  impl_->change([&] {
    for (const Completion& completion : completions) {
      {
        Statement update = impl_->database.prepare("UPDATE sample SET state = 'done', labels = ? WHERE id = ?");
        impl_->bind_tensors(update, 1, *completion.labels);
        update.bind(2, completion.id);
        update.run();
      }
      impl_->database.prepare("UPDATE attempt SET outcome = 'done', seconds = ? WHERE id = ? AND attempt = ?")
          .all(completion.seconds, completion.id, completion.attempt)
          .run();
    }
  });
}

void Ledger::fail(SampleId id, int attempt, const Failure& failure, double seconds, const Values* refused) {
  impl_->change([&] {
    impl_->database.prepare("UPDATE sample SET state = ? WHERE id = ?")
        .all(to_string(state_after(failure.verdict)), id)
        .run();
    Statement update = impl_->database.prepare(
        "UPDATE attempt SET outcome = ?, seconds = ?, exit_status = ?, reason = ?, output = ?, refused = ? "
        "WHERE id = ? AND attempt = ?");
    update.bind(1, std::string_view(refused                                  ? "refused"
                                    : failure.verdict == Verdict::infeasible ? "infeasible"
                                                                             : "failed"));
    update.bind(2, seconds);
    update.bind(3, failure.exit_status);
    update.bind(4, failure.reason);
    update.bind(5, failure.output);
    refused ? impl_->bind_tensors(update, 6, *refused) : update.bind_null(6);
    update.bind(7, id);
    update.bind(8, attempt);
    update.run();
  });
}

std::int64_t Ledger::interrupt(std::span<const SampleId> ids) {
  if (ids.empty()) return 0;
  std::int64_t moved = 0;
  impl_->change([&] {
    moved = 0;
    for (const SampleId id : ids) {
      {
        Statement update = impl_->database.prepare(
            "UPDATE sample SET state = 'queued' WHERE id = ? AND state = 'running' RETURNING id");
        if (!update.all(id).next()) continue;
      }
      ++moved;
      impl_->database.prepare("UPDATE attempt SET outcome = 'interrupted' WHERE id = ? AND outcome = 'running'")
          .all(id)
          .run();
    }
  });
  return moved;
}

int Ledger::failures(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare(
      "SELECT count(*) FROM attempt WHERE id = ? AND outcome IN ('failed', 'refused')");
  row.all(id).next();
  return static_cast<int>(row.integer(0));
}

bool Ledger::answer(SampleId id, const std::string& fingerprint) {
  std::optional<SampleId> same;
  std::string source;
  {
    const std::lock_guard lock(impl_->mutex);
    Statement twin = impl_->database.prepare(
        "SELECT id FROM sample INDEXED BY sample_by_content WHERE fingerprint = ? AND state = 'done' "
        "ORDER BY round, rank LIMIT 1");
    if (twin.all(fingerprint).next()) {
      same = twin.integer(0);
    } else {
      Statement archived = impl_->database.prepare("SELECT source FROM archive WHERE fingerprint = ?");
      if (!archived.all(fingerprint).next()) return false;
      source = archived.bytes(0);
    }
  }
  impl_->change([&] {
    Statement update = impl_->database.prepare(
        same ? "UPDATE sample SET state = 'done', attempts = attempts + 1, labels = (SELECT labels FROM sample WHERE "
               "id = ?) WHERE id = ?"
             : "UPDATE sample SET state = 'done', attempts = attempts + 1, labels = (SELECT labels FROM archive WHERE "
               "fingerprint = ?) WHERE id = ?");
    same ? update.bind(1, *same) : update.bind(1, fingerprint);
    update.bind(2, id);
    update.run();
    impl_->database
        .prepare(
            "INSERT INTO attempt (id, attempt, started, seconds, host, outcome, reason, directory) "
            "VALUES (?, (SELECT attempts FROM sample WHERE id = ?), ?, 0, ?, ?, ?, '')")
        .all(id, id, detail::now(), detail::host_name(), std::string_view(same ? "copied" : "imported"),
             same ? "same content as sample " + std::to_string(*same) : source)
        .run();
  });
  return true;
}

namespace {

std::int64_t move(detail::Database& database, const char* sql, std::span<const SampleId> ids) {
  std::int64_t moved = 0;
  for (const SampleId id : ids) {
    Statement update = database.prepare(sql);
    if (update.all(id).next()) ++moved;
  }
  return moved;
}

}  // namespace

std::int64_t Ledger::retry(std::span<const SampleId> ids) {
  std::int64_t moved = 0;
  impl_->change([&] {
    moved = move(impl_->database,
                 "UPDATE sample SET state = 'queued' WHERE id = ? AND state IN ('failed', 'abandoned', 'infeasible') "
                 "RETURNING id",
                 ids);
  });
  return moved;
}

std::int64_t Ledger::abandon(std::span<const SampleId> ids) {
  std::int64_t moved = 0;
  impl_->change([&] {
    moved = move(impl_->database,
                 "UPDATE sample SET state = 'abandoned' WHERE id = ? AND state IN ('failed', 'queued') RETURNING id",
                 ids);
  });
  return moved;
}

std::int64_t Ledger::add_to_archive(std::span<const ArchivedLabel> labels) {
  const std::int64_t before = archive_size();
  impl_->change([&] {
    for (const ArchivedLabel& label : labels) {
      Statement insert = impl_->database.prepare("INSERT OR IGNORE INTO archive VALUES (?, ?, ?, ?)");
      insert.bind(1, label.fingerprint);
      impl_->bind_tensors(insert, 2, label.inputs);
      impl_->bind_tensors(insert, 3, label.labels);
      insert.bind(4, label.source);
      insert.run();
    }
  });
  return archive_size() - before;
}

std::int64_t Ledger::archive_size() const {
  const std::lock_guard lock(impl_->mutex);
  Statement row = impl_->database.prepare("SELECT count(*) FROM archive");
  row.next();
  return row.integer(0);
}

}  // namespace assay
