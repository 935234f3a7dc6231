// SPDX-License-Identifier: Apache-2.0
// Changes of many threads in one transaction: the first to come commits for all who wait.
#include "store.hpp"

#include <algorithm>
#include <cstdio>
#include <random>
#include <utility>

namespace assay::store {

void Store::change(const std::function<void()>& change, Durable durable) {
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

void Store::change_queue(const std::function<void()>& change) {
  this->change(change);
  ++queue_changes_;
}

void Store::commit_all(const std::vector<Waiting*>& group) {
  if (guard_) guard_();
  const auto may_wait = [](const Waiting* each) { return each->durable == Durable::with_next; };
  const bool later = write_ahead_ && std::all_of(group.begin(), group.end(), may_wait);
  sync_commits(later ? Durable::with_next : Durable::now);
  Transaction transaction(database_);
  CampaignRow campaign = read_campaign(/*check=*/true);
  seal_change_ = {};
  row_change_ = 0;
  tally_change_.clear();
  next_place_ = campaign.next_place;
  least_sequence_ = 0;
  if (!session_begun_) begin_session(campaign);
  for (const Waiting* each : group) (*each->change)();
  campaign.sequence = std::max(campaign.sequence + static_cast<std::int64_t>(group.size()), least_sequence_);
  campaign.next_place = next_place_;
  campaign.rows += row_change_;
  campaign.seal = plus(campaign.seal, seal_change_);
  write_tally();
  write_campaign(campaign);
  if (later) unsynced_ = true;
  transaction.commit();
  session_begun_ = true;
  if (!later) {
    unsynced_ = false;
    synced_sequence_ = campaign.sequence;
  }
  // Another host may have taken over while this process was away, in the middle of the commit even: then it does not
  // count. Only who asks behind it knows.
  if (guard_) guard_();
}

void Store::begin_session(const CampaignRow& campaign) {
  std::random_device device;
  char id[17];
  std::snprintf(id, sizeof id, "%08x%08x", device(), device());
  std::int64_t number = 1;
  {
    Statement row = database_.prepare("SELECT coalesce(max(number), 0) + 1 FROM session");
    row.next();
    number = row.integer(0);
  }
  insert(SessionRow{.number = number, .id = id, .first = campaign.sequence});
}

/// A commit that syncs makes those before it durable too: they stand before it in the same file.
void Store::sync_commits(Durable durable) {
  if (durable == mode_) return;
  database_.run(durable == Durable::now ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  mode_ = durable;
}

void Store::sync() {
  if (unsynced_) change([] {});
}

void Store::commit(const std::vector<Waiting*>& group) {
  const std::lock_guard lock(mutex_);
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

}  // namespace assay::store
