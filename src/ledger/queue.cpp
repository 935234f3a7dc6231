// SPDX-License-Identifier: Apache-2.0
// The ledger as the queue of simulations.
#include "ledger_impl.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>

#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>

namespace assay {

namespace {

std::string now() {
  const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

std::vector<SampleId> Ledger::queued(std::int64_t limit) const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement rows = impl_->database.prepare(
      "SELECT id FROM sample WHERE state = 'queued' ORDER BY round, rank LIMIT ?");
  rows.all(limit);
  std::vector<SampleId> ids;
  while (rows.next()) ids.push_back(rows.integer(0));
  return ids;
}

std::int64_t Ledger::count(SampleState state) const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement row = impl_->database.prepare("SELECT count(*) FROM sample WHERE state = ?");
  row.all(to_string(state)).next();
  return row.integer(0);
}

int Ledger::start_attempt(SampleId id, const std::string& directory) {
  int attempt = 0;
  impl_->change([&] {
    {
      detail::Statement row = impl_->database.prepare(
          "UPDATE sample SET state = 'running', attempts = attempts + 1 WHERE id = ? RETURNING attempts");
      if (!row.all(id).next()) impl_->throw_unknown(id);
      attempt = static_cast<int>(row.integer(0));
    }
    impl_->database
        .prepare(
            "INSERT INTO attempt (id, attempt, started, host, outcome, directory) VALUES (?, ?, ?, ?, 'running', ?)")
        .all(id, attempt, now(), host_name(), directory)
        .run();
  });
  return attempt;
}

void Ledger::set_handle(SampleId id, int attempt, const std::string& handle) {
  impl_->change([&] {
    impl_->database.prepare("UPDATE attempt SET handle = ? WHERE id = ? AND attempt = ?")
        .all(handle, id, attempt)
        .run();
  });
}

void Ledger::complete(SampleId id, int attempt, const Values& labels, double seconds) {
  const std::string bytes = to_safetensors(labels);
  impl_->change([&] {
    {
      detail::Statement update = impl_->database.prepare("UPDATE sample SET state = 'done', labels = ? WHERE id = ?");
      update.bind_blob(1, bytes);
      update.bind(2, id);
      update.run();
    }
    impl_->database.prepare("UPDATE attempt SET outcome = 'done', seconds = ? WHERE id = ? AND attempt = ?")
        .all(seconds, id, attempt)
        .run();
  });
}

void Ledger::fail(SampleId id, int attempt, const Failure& failure, double seconds, const Values* refused) {
  impl_->change([&] {
    impl_->database.prepare("UPDATE sample SET state = ? WHERE id = ?")
        .all(std::string_view(failure.retry ? "queued" : "failed"), id)
        .run();
    detail::Statement update = impl_->database.prepare(
        "UPDATE attempt SET outcome = ?, seconds = ?, exit_status = ?, reason = ?, output = ?, refused = ? "
        "WHERE id = ? AND attempt = ?");
    update.bind(1, std::string_view(refused ? "refused" : "failed"));
    update.bind(2, seconds);
    update.bind(3, failure.exit_status);
    update.bind(4, failure.reason);
    update.bind(5, failure.output);
    refused ? update.bind_blob(6, to_safetensors(*refused)) : update.bind_null(6);
    update.bind(7, id);
    update.bind(8, attempt);
    update.run();
  });
}

std::int64_t Ledger::interrupt_running() {
  const std::int64_t running = count(SampleState::running);
  if (running == 0) return 0;
  impl_->change([&] {
    impl_->database.run("UPDATE sample SET state = 'queued' WHERE state = 'running'");
    impl_->database.run("UPDATE attempt SET outcome = 'interrupted' WHERE outcome = 'running'");
  });
  return running;
}

std::optional<SampleId> Ledger::find_done(const std::string& fingerprint) const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement row = impl_->database.prepare(
      "SELECT id FROM sample WHERE fingerprint = ? AND state = 'done' ORDER BY round, rank LIMIT 1");
  if (!row.all(fingerprint).next()) return std::nullopt;
  return row.integer(0);
}

void Ledger::answer_from(SampleId id, SampleId same) {
  impl_->change([&] {
    impl_->database
        .prepare(
            "UPDATE sample SET state = 'done', attempts = attempts + 1, "
            "labels = (SELECT labels FROM sample WHERE id = ?) WHERE id = ?")
        .all(same, id)
        .run();
    impl_->database
        .prepare(
            "INSERT INTO attempt (id, attempt, started, seconds, host, outcome, reason, directory) "
            "VALUES (?, (SELECT attempts FROM sample WHERE id = ?), ?, 0, ?, 'copied', ?, '')")
        .all(id, id, now(), host_name(), "same content as sample " + std::to_string(same))
        .run();
  });
}

void Ledger::integrate(std::span<const SampleId> ids) {
  impl_->change([&] {
    for (const SampleId id : ids) {
      impl_->database
          .prepare("UPDATE sample SET integrated = (SELECT coalesce(max(integrated) + 1, 0) FROM sample) WHERE id = ?")
          .all(id)
          .run();
    }
  });
}

std::vector<SampleId> Ledger::integrated(std::int64_t first, std::int64_t limit) const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement rows = impl_->database.prepare(
      "SELECT id FROM sample WHERE integrated >= ? ORDER BY integrated LIMIT ?");
  rows.all(first, limit);
  std::vector<SampleId> ids;
  while (rows.next()) ids.push_back(rows.integer(0));
  return ids;
}

std::vector<LedgerAttempt> Ledger::attempts(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement rows = impl_->database.prepare(
      "SELECT attempt, started, seconds, host, exit_status, outcome, reason, output, directory, handle "
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
         .handle = rows.bytes(9)});
  }
  return attempts;
}

}  // namespace assay
