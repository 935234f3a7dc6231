// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "campaign.hpp"

#include <assay/assay.h>

#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

namespace assay::c_interface {

/// The campaigns that are open. What a program leaves open when it ends is closed then: a checkpoint may be on its way
/// to the disk, by a thread that needs what the exit takes down.
class OpenCampaigns {
 public:
  static OpenCampaigns& all() {
    static auto* const campaigns = new OpenCampaigns;  // never destroyed: a host may close its campaigns at any time
    return *campaigns;
  }
  /// To be called when the campaign is open: handlers run in reverse order, so that this one comes before those of all
  /// that opening it has used.
  void add(assay_campaign* campaign) {
    const std::lock_guard lock(mutex_);
    open_.insert(campaign);
    if (!std::exchange(closes_at_exit_, true)) std::atexit([] { all().close_all(); });
  }
  /// \return whether it was open.
  bool remove(assay_campaign* campaign) {
    const std::lock_guard lock(mutex_);
    return open_.erase(campaign) > 0;
  }

  /// \name For a fork: nobody may hold the lock meanwhile
  /// @{
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  const std::set<assay_campaign*>& locked() const { return open_; }
  /// @}

 private:
  void close_all() {
    while (true) {
      std::unique_lock lock(mutex_);
      if (open_.empty()) return;
      assay_campaign* const campaign = *open_.begin();
      const bool abandoned = campaign->abandon_if_busy();
      if (abandoned) open_.erase(campaign);
      lock.unlock();
      if (!abandoned) assay_close(campaign);
    }
  }

  std::mutex mutex_;
  std::set<assay_campaign*> open_;
  bool closes_at_exit_ = false;
};

}  // namespace assay::c_interface
