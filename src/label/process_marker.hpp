// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace assay::detail {

/// What the processes of one simulation are known by after they left its process group or lost their parents: a
/// variable in their environment, `ASSAY_SIMULATION`, whose value no other simulation has.
///
/// A program that clears the environment of what it starts hides it. Costs of looking: one small file of `/proc` for
/// every process of this user.
class ProcessMarker {
 public:
  ProcessMarker();

  /// The environment of this program with the mark in it. A simulation inside a simulation carries both marks.
  std::vector<std::string> environment() const;
  /// The processes that carry the mark now.
  std::vector<pid_t> processes() const;
  /// Kills what carries the mark, again until nothing does; gives up on what cannot die after some seconds.
  void kill_all() const;

 private:
  bool is_on(pid_t process) const;

  std::string mark_;
};

}  // namespace assay::detail
