// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace assay::detail {

/// From now on what loses its parent below this process becomes its child, whatever session or group it is in, and
/// whatever it did to its environment: nothing that the program starts gets away.
void adopt_orphans();

/// Reaps adopted processes that have ended, but not `program`, whose number is to stay its own.
void reap_adopted(pid_t program);

/// Kills all that descends from this process, until nothing is left but the ended `program`: chains of processes that
/// fork and exit as fast as they can included, since a process that is being killed forks no more. Gives up on what
/// cannot die (it waits for a device) after some seconds.
void kill_descendants(pid_t program);

}  // namespace assay::detail
