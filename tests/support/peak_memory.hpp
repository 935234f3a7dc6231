// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

/// The most memory that this process has had so far.
inline long peak_mib() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}
