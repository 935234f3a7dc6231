// SPDX-License-Identifier: Apache-2.0
// Changes of many threads in one transaction: the first to come commits for all who wait.
#include "ledger_impl.hpp"

#include <algorithm>
#include <utility>

namespace assay {

void Ledger::Impl::change(const std::function<void()>& change, Durable durable) {
  Waiting mine{.change = &change, .durable = durable};
  std::unique_lock lock(group_mutex_);
  waiting_.push_back(&mine);
  while (!mine.ended) {
    if (committing_) {
      group_ended_.wait(lock);
      continue;
    }
    committing_ = true;
    const std::vector<Waiting*> group = std::exchange(waiting_, {});
    lock.unlock();
    commit(group);
    lock.lock();
    committing_ = false;
    for (Waiting* each : group) each->ended = true;
    group_ended_.notify_all();
  }
  lock.unlock();
  if (mine.error) std::rethrow_exception(mine.error);
}

void Ledger::Impl::commit_all(const std::vector<Waiting*>& group) {
  if (guard) guard();
  const auto may_wait = [](const Waiting* each) { return each->durable == Durable::with_next; };
  const bool later = write_ahead_ && std::all_of(group.begin(), group.end(), may_wait);
  sync_commits(later ? Durable::with_next : Durable::now);
  detail::Transaction transaction(database);
  for (const Waiting* each : group) (*each->change)();
  database.prepare("UPDATE campaign SET sequence = sequence + ?").all(static_cast<std::int64_t>(group.size())).run();
  if (later) unsynced_ = true;
  transaction.commit();
  if (!later) unsynced_ = false;
}

/// A commit that syncs makes those before it durable too: they stand before it in the same file.
void Ledger::Impl::sync_commits(Durable durable) {
  if (durable == mode_) return;
  database.run(durable == Durable::now ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  mode_ = durable;
}

void Ledger::Impl::sync() {
  if (unsynced_) change([] {});
}

void Ledger::Impl::commit(const std::vector<Waiting*>& group) {
  const std::lock_guard lock(mutex);
  try {
    return commit_all(group);
  } catch (...) {
    if (group.size() == 1) {
      group.front()->error = std::current_exception();
      return;
    }
  }
  // One of them failed, and took the others with it: each alone, so that the error goes to whom it belongs.
  for (Waiting* each : group) {
    try {
      commit_all({each});
    } catch (...) {
      each->error = std::current_exception();
    }
  }
}

}  // namespace assay
