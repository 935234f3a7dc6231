// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/storage.hpp>

#include <filesystem>
#include <memory>

namespace assay::detail {

class Lease;
struct LeaseRules;

/// What becomes of a ledger that is taken over from a writer that may live, and is damaged.
enum class Damaged {
  refused,
  accepted,  ///< by who is about to repair it
};

/// Holds a campaign directory for writing: an operating-system lock that ends with the process, however it ends, and,
/// on shared storage, a lease that other hosts see. Programs started from this one inherit neither.
///
/// To be had before anything in the directory is opened for writing.
class CampaignLock {
 public:
  /// \param storage `local` or `shared`; a directory with leases in it is held by a lease in any case.
  /// Cost: nothing on local storage. Taking over from a writer that may live copies the ledger.
  /// Errors: `CheckpointError` `assay.campaign.locked` naming the holder's host and process; `assay.storage.unsafe`.
  explicit CampaignLock(const std::filesystem::path& directory, Storage storage = Storage::local,
                        Damaged damaged = Damaged::refused);
  CampaignLock(const std::filesystem::path& directory, Storage storage, Damaged damaged, const LeaseRules& rules);
  CampaignLock(const CampaignLock&) = delete;
  CampaignLock& operator=(const CampaignLock&) = delete;
  ~CampaignLock();

  /// The ledger of the campaign, which nobody else writes to; it may not exist yet.
  const std::filesystem::path& ledger() const noexcept { return ledger_; }
  /// Throws `CheckpointError` if this process may no longer write: `assay.campaign.moved` where the directory stands no
  /// longer where it was opened, `assay.campaign.lease_lost`. Behind a commit it says whether the commit counts. May be
  /// called from any thread. Cost: a look at the directory; on shared storage one read at the server of the files.
  void check() const;

 private:
  void take_ledger(const std::filesystem::path& directory, Damaged damaged);

  std::filesystem::path path_;
  int directory_ = -1;   // of the directory, which has its place as long as this is open
  int descriptor_ = -1;  // of the lock
  std::unique_ptr<Lease> lease_;
  std::filesystem::path ledger_;
};

}  // namespace assay::detail
