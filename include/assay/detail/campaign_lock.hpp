// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/storage.hpp>

#include <filesystem>
#include <memory>

namespace assay::detail {

class Lease;

/// Holds a campaign directory for writing: an operating-system lock that ends with the process, however it ends, and,
/// on shared storage, a lease that other hosts see. Programs started from this one inherit neither.
class CampaignLock {
 public:
  /// \param storage `local` or `shared`.
  /// Errors: `CheckpointError` `assay.campaign.locked` naming the holder's host and process.
  explicit CampaignLock(const std::filesystem::path& directory, Storage storage = Storage::local);
  CampaignLock(const CampaignLock&) = delete;
  CampaignLock& operator=(const CampaignLock&) = delete;
  ~CampaignLock();

  /// Throws `CheckpointError` `assay.campaign.lease_lost` if this process may no longer write.
  void check() const;

 private:
  int descriptor_ = -1;
  std::unique_ptr<Lease> lease_;
};

}  // namespace assay::detail
