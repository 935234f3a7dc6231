// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../detail/lease.hpp"
#include "object_store.hpp"
#include "sqlite.hpp"

#include <assay/ledger.hpp>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>

namespace assay {

struct Ledger::Impl {
  Impl(const std::filesystem::path& file, const std::filesystem::path& objects_, bool writable)
      : database(file, writable), objects(objects_) {}

  /// Runs `change` in a transaction, which it shares with changes of other threads that wait at the same time, and
  /// counts it. It may run a second time, alone, where it shared a transaction that failed.
  void change(const std::function<void()>& change, Durable durable = Durable::now);
  void sync();
  void use_journal(Journal journal);
  void require_ledger();
  void migrate();
  [[noreturn]] void throw_unknown(SampleId id) const;

  /// Binds tensors: in place, or as the digest of an object that is durable already.
  void bind_tensors(detail::Statement& statement, int index, const Values& values) const;
  /// The bytes of a column of tensors.
  std::string tensor_bytes(const detail::Statement& row, int column) const;
  Values tensors(const detail::Statement& row, int column, SampleId id) const;

  mutable std::mutex mutex;  // of the database
  mutable detail::Database database;
  detail::ObjectStore objects;
  std::string campaign_id;
  std::int64_t format_found = 0;
  std::function<void()> guard;

 private:
  struct Waiting {
    const std::function<void()>* change;
    Durable durable = Durable::now;
    std::exception_ptr error = {};
    bool ended = false;
  };
  void commit(const std::vector<Waiting*>& group);
  void commit_all(const std::vector<Waiting*>& group);
  void sync_commits(Durable durable);

  std::mutex group_mutex_;
  std::condition_variable group_ended_;
  std::vector<Waiting*> waiting_;
  bool committing_ = false;
  bool write_ahead_ = false;
  Durable mode_ = Durable::now;  // of the commits to come
  std::atomic<bool> unsynced_ = false;
};

namespace detail {

LedgerEntry entry_from(const Statement& row);
SampleState state_from(const std::string& text);
/// The columns that `entry_from` reads.
inline constexpr std::string_view entry_columns =
    "SELECT id, purpose, round, rank, score, strategy, fingerprint, state, attempts, integrated, integrated_in "
    "FROM sample ";
/// UTC, ISO 8601.
std::string now();

}  // namespace detail

}  // namespace assay
