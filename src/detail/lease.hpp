// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace assay::detail {

/// Holds a directory for writing by a file that is renewed while the process lives, for file systems that several hosts
/// reach and whose locks cannot be trusted.
///
/// Ages are differences of the file system's own times, so hosts' clocks need not agree. A lease whose holder is a
/// process of this host that is gone is taken over at once; one of another host after `stale`.
class Lease {
 public:
  static constexpr std::chrono::seconds renewal{10};
  static constexpr std::chrono::seconds stale{60};

  /// Errors: `CheckpointError` `assay.campaign.locked` naming the holder's host and process.
  explicit Lease(const std::filesystem::path& directory);
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease();

  /// Throws `CheckpointError` `assay.campaign.lease_lost` if another process has taken the lease over.
  void check() const;

 private:
  void renew();

  std::filesystem::path file_;
  std::string mine_;
  std::atomic<bool> lost_{false};
  std::mutex mutex_;
  std::condition_variable ending_;
  bool end_ = false;
  std::thread thread_;
};

std::string host_name();
/// Host, process id, the time at which the process started, and the boot of the host: one line of JSON.
std::string this_process();
/// False if `who`, as `this_process` wrote it, is a process of this host that is not there any more.
bool may_be_alive(const std::string& who);
/// "process 12 on host a", of a text that `this_process` wrote.
std::string in_words(const std::string& who);

}  // namespace assay::detail
