// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/file_system.hpp>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace assay::detail {

namespace {

/// `statfs` types of file systems that other hosts or programs serve; statfs(2) and the kernel's linux/magic.h.
constexpr std::array<std::uint32_t, 15> served{
    0x6969,      // NFS
    0x517b,      // SMB
    0xfe534d42,  // SMB 2
    0xff534d42,  // CIFS
    0x0bd00bd0,  // Lustre
    0x47504653,  // GPFS
    0x19830326,  // BeeGFS
    0xaad7aaea,  // PanFS
    0x00c36400,  // Ceph
    0x5346414f,  // AFS
    0x6b414653,  // kAFS
    0x73757245,  // Coda
    0x7461636f,  // OCFS2
    0x01161970,  // GFS2
    0x65735546,  // FUSE: sshfs, GlusterFS and others
};
constexpr std::uint32_t plan9 = 0x01021997;

}  // namespace

Storage storage_of(const std::filesystem::path& path, Storage wanted) {
  if (wanted != Storage::automatic) return wanted;
  std::error_code error;
  std::filesystem::path place = std::filesystem::absolute(path, error);
  while (!std::filesystem::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  struct statfs status {};
  if (::statfs(place.c_str(), &status) != 0) return Storage::local;
  const auto type = static_cast<std::uint32_t>(status.f_type);
  const bool remote = type == plan9 || std::find(served.begin(), served.end(), type) != served.end();
  return remote ? Storage::shared : Storage::local;
}

bool may_read_stale(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  const std::string device = std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, of, last;
    words >> id >> parent >> of;
    while (words >> last) {
    }  // the last are the options of the file system itself
    if (of != device) continue;
    for (const char* loose : {"nocto", "cache=loose", "cache=fscache", "cache=mmap"}) {
      if (("," + last + ",").find(std::string(",") + loose + ",") != std::string::npos) return true;
    }
  }
  return false;
}

}  // namespace assay::detail
