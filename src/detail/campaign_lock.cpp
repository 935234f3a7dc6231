// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace assay::detail {

CampaignLock::CampaignLock(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw CheckpointError({"assay.file", file.string(), "to open it", std::strerror(errno), ""});
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(descriptor_);
    if (error != EWOULDBLOCK)
      throw CheckpointError({"assay.file", file.string(), "to lock it", std::strerror(error), ""});
    std::string holder = read_file(file);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    throw CheckpointError({"assay.campaign.locked", directory.string(), "a campaign that nobody is running",
                           "one that is run by " + (holder.empty() ? "another process" : holder),
                           "wait for it or end it; 'assay show' works meanwhile"});
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string holder = "process " + std::to_string(::getpid()) + " on host " + host.data() + "\n";
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size())) {
    const int error = errno;
    ::close(descriptor_);
    throw CheckpointError({"assay.file", file.string(), "to write the holder's name to it", std::strerror(error), ""});
  }
}

CampaignLock::~CampaignLock() { ::close(descriptor_); }

}  // namespace assay::detail
