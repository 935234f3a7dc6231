// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace assay::detail {

/// The control group (cgroup version 2) of one simulation, below that of its runner, where the kernel and whoever runs
/// this machine permit one: nothing leaves it by forking, and the kernel ends all that is in it at once.
///
/// It has no limits of its own; those of the groups above it hold. Needs Linux 5.14, and write access to the group that
/// the runner is in (root, a delegated systemd scope, most containers of one's own).
class ControlGroup {
 public:
  /// Only names it. \param mark of the simulation.
  explicit ControlGroup(const std::string& mark);

  /// Makes it and takes this process into it, and with it what it starts from now on. \return whether that worked.
  bool enter();
  /// Takes this process, but not what it started, back to where it was.
  void leave();
  /// Kills all that is in it, and removes it, if it is there and this process is not in it.
  void end();

 private:
  std::filesystem::path above_;  ///< empty where there is no version 2
  std::filesystem::path folder_;
  bool within_ = false;
};

}  // namespace assay::detail
