// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace assay::detail {

/// Holds a campaign directory for writing: an operating-system lock that ends with the process, however it ends.
/// Programs started from this one do not inherit it.
class CampaignLock {
 public:
  /// Errors: `CheckpointError` `assay.campaign.locked` naming the holder's host and process.
  explicit CampaignLock(const std::filesystem::path& directory);
  CampaignLock(const CampaignLock&) = delete;
  CampaignLock& operator=(const CampaignLock&) = delete;
  ~CampaignLock();

 private:
  int descriptor_ = -1;
};

}  // namespace assay::detail
