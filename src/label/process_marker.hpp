// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::detail {

/// Numbers of all processes of this host that /proc shows.
std::vector<pid_t> all_processes();
/// 0 for one that is gone.
pid_t parent_of(pid_t process);

/// What the processes of one simulation are known by after they left its process group or lost their parents: a
/// variable in their environment, `ASSAY_SIMULATION`, whose value no other simulation has.
///
/// A program that clears the environment of what it starts hides it: its runner finds that all the same, see
/// `kill_descendants`. Costs of looking: one small file of `/proc` for
/// every process of this user.
class ProcessMarker {
 public:
  static constexpr std::string_view variable = "ASSAY_SIMULATION";

  explicit ProcessMarker(std::string mark) : mark_(std::move(mark)) {}
  /// A mark that no other simulation has.
  static std::string new_mark();

  /// The environment of this program with the mark in it. A simulation inside a simulation carries both marks.
  std::vector<std::string> environment() const;
  /// The processes that carry the mark now, but for this one.
  std::vector<pid_t> processes() const;
  /// Whether a process carries it.
  bool is_on(pid_t process) const;
  /// Whether it is the last that a process carries: not so for what belongs to a simulation inside this one.
  bool is_last_on(pid_t process) const;
  /// Sends a signal to a process if it carries the mark: to no later process of the same number.
  void signal(pid_t process, int signal) const;
  /// Kills what is in the simulation's control group, if it has one, and what carries the mark, again until nothing
  /// does; gives up on what cannot die after some seconds.
  void kill_all() const;

 private:
  static std::vector<std::string> marks_of(pid_t process);

  std::string mark_;
};

}  // namespace assay::detail
