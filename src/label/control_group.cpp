// SPDX-License-Identifier: Apache-2.0
#include "control_group.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

/// The path of this process's group, as the kernel calls it: the line of /proc/self/cgroup that begins with "0::".
std::string own_path() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return {};
}

/// The folder of this process's group, wherever version 2 is mounted (see proc(5), mountinfo). Empty if nowhere.
fs::path own_folder_of_group() {
  const std::string path = own_path();
  if (path.empty() || path.find("/..") != std::string::npos) return {};  // above what this container sees
  std::ifstream in("/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream fields(line);
    std::string skipped, root, mount;
    fields >> skipped >> skipped >> skipped >> root >> mount;
    if (root == "/") return fs::path(mount + path).lexically_normal();
    if (path == root || path.starts_with(root + "/")) return fs::path(mount + path.substr(root.size()));
  }
  return {};
}

bool write_to(const fs::path& file, std::string_view text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

bool is_populated(const fs::path& folder) {
  std::ifstream in(folder / "cgroup.events");
  for (std::string line; std::getline(in, line);) {
    if (line == "populated 0") return false;
  }
  return true;
}

/// With the groups of simulations that ran inside this one.
void remove_group(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->is_directory(error)) remove_group(at->path());
  }
  ::rmdir(folder.c_str());
}

}  // namespace

ControlGroup::ControlGroup(const std::string& mark) {
  const bool plain = std::all_of(mark.begin(), mark.end(), [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
  if (!plain || mark.empty()) return;
  above_ = own_folder_of_group();
  if (!above_.empty()) folder_ = above_ / ("assay-" + mark);
}

bool ControlGroup::enter() {
  if (folder_.empty() || ::mkdir(folder_.c_str(), 0755) != 0) return false;
  within_ = ::access((folder_ / "cgroup.kill").c_str(), W_OK) == 0 && write_to(folder_ / "cgroup.procs", "0");
  if (!within_) ::rmdir(folder_.c_str());
  return within_;
}

void ControlGroup::leave() {
  if (within_) within_ = !write_to(above_ / "cgroup.procs", "0");
}

void ControlGroup::end() {
  if (folder_.empty() || within_ || !write_to(folder_ / "cgroup.kill", "1")) return;
  for (int wait = 0; wait < 10'000 && is_populated(folder_); ++wait) std::this_thread::sleep_for(1ms);
  remove_group(folder_);
}

}  // namespace assay::detail
