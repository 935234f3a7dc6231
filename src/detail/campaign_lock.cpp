// SPDX-License-Identifier: Apache-2.0
#include "lease.hpp"

#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace assay::detail {

CampaignLock::CampaignLock(const std::filesystem::path& directory, Storage storage) {
  const std::filesystem::path file = directory / "lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw CheckpointError({"assay.file", file.string(), "to open it", std::strerror(errno), ""});
  }
  try {
    // Network file systems may not know this lock: there the lease alone guards.
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || storage == Storage::local)) {
      if (errno != EWOULDBLOCK) {
        throw CheckpointError({"assay.file", file.string(), "to lock it", std::strerror(errno), ""});
      }
      std::string holder = read_file(file);
      while (!holder.empty() && holder.back() == '\n') holder.pop_back();
      throw CheckpointError({"assay.campaign.locked", directory.string(), "a campaign that nobody is running",
                             "one that is run by " + in_words(holder),
                             "wait for it or end it; 'assay show' works meanwhile"});
    }
    if (storage == Storage::shared) lease_ = std::make_unique<Lease>(directory);
    const std::string holder = this_process() + "\n";
    if (::ftruncate(descriptor_, 0) != 0 ||
        ::pwrite(descriptor_, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size())) {
      throw CheckpointError(
          {"assay.file", file.string(), "to write the holder's name to it", std::strerror(errno), ""});
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

CampaignLock::~CampaignLock() { ::close(descriptor_); }

void CampaignLock::check() const {
  if (lease_) lease_->check();
}

}  // namespace assay::detail
