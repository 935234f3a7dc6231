// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lease_file.hpp"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace assay::detail {

/// How long leases that do not follow one another are looked at again: another process may be between two steps.
constexpr std::chrono::milliseconds patience_with_takeovers{5'000};

/// How a lease is kept and judged; tests have shorter times and other processes.
struct LeaseRules {
  std::chrono::milliseconds renewal{10'000};
  std::chrono::milliseconds stale{60'000};
  std::chrono::milliseconds patience = patience_with_takeovers;
  Holder me = this_holder();
  std::function<bool(const Holder&)> dead = known_dead;
};

/// What a new holder finds.
struct Inherited {
  std::int64_t ledger = -1;      ///< the number of the ledger that counts; -1: no lease says so
  bool writer_may_live = false;  ///< its writer may go on writing to it: it has to be left to it, and copied
};

/// Holds a directory for writing, for file systems that several hosts reach and whose locks cannot be trusted.
///
/// Each holder has a file `lease.N.json` of its own, one number above its predecessor's. It is made by link(2), which
/// one of several contenders for a number wins, on network file systems too. What was judged (number N) is what is
/// taken over (by number N + 1): there is no moment between the two.
///
/// A predecessor is judged by what it wrote (it has released the lease), by the age of its file as a difference of two
/// of the file system's own times (clocks of hosts play no part), or because it is known to be dead.
///
/// A holder that was paused does not know that it was taken over. Its file says so: who takes over marks it, before
/// anything else. `check` reads the mark from the server of the files. Who checks behind a commit, and reports success
/// only then, is fenced: what was committed before the mark is seen by the new holder, the rest is reported by nobody.
class Lease {
 public:
  /// Errors: `CheckpointError` `assay.campaign.locked` naming the holder; `assay.storage.unsafe` where the file system
  /// cannot do this; `assay.lease` for a damaged lease.
  explicit Lease(const std::filesystem::path& directory, LeaseRules rules = {});
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  /// Releases it.
  ~Lease();

  const Inherited& inherited() const noexcept { return inherited_; }
  std::int64_t generation() const noexcept { return generation_; }
  /// Says for those who come later which ledger this holder writes to. To be called before its first writable opening.
  /// Errors: as `check`; `assay.storage.unsafe` where what is written is not what is read.
  void establish(std::int64_t ledger);
  /// Removes leases of earlier holders. Only for one that has established itself.
  void remove_earlier() const;
  /// Throws `CheckpointError` `assay.campaign.lease_lost` if another process has taken the lease over, or it could not
  /// be renewed. Cost: a read at the server.
  void check() const;

 private:
  void acquire();
  bool inherit(std::optional<LeaseFile> before);
  void require_fresh_reads() const;
  void renew();
  void give_up() const;
  void lose(const std::string& how) const;

  std::filesystem::path directory_;
  LeaseRules rules_;
  std::int64_t generation_ = 0;
  std::int64_t ledger_ = -1;
  Inherited inherited_;
  std::optional<LeaseFile> own_;
  mutable std::mutex mutex_;
  mutable std::string lost_;  // how
  std::condition_variable ending_;
  bool end_ = false;
  std::thread thread_;
};

std::filesystem::path lease_file(const std::filesystem::path& directory, std::int64_t generation);
/// The highest number of the leases in a directory; 0 if there is none.
std::int64_t newest_lease(const std::filesystem::path& directory);
/// The number of the ledger that counts, as the newest holder that established itself has it; nothing without one.
std::optional<LeaseText> newest_established_lease(const std::filesystem::path& directory,
                                                  std::chrono::milliseconds patience = patience_with_takeovers);

}  // namespace assay::detail
