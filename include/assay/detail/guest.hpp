// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cfenv>

namespace assay::detail {

/// Keeps the host's settings while assay computes, and gives them back on the way out, exceptions included: the
/// number of Torch's threads and of OpenMP's, gradient mode, floating-point traps and rounding (several Torch kernels
/// raise SIGFPE where the host has enabled traps).
///
/// LibTorch counts its threads with OpenMP, and its first use in a thread of the host sets that count to what MKL takes
/// to be right. Inside, assay computes with that count, always the same; outside, the host has its own. What the host
/// sets between two scopes, by either of the two, counts from then on.
class GuestScope {
 public:
  GuestScope();
  GuestScope(const GuestScope&) = delete;
  GuestScope& operator=(const GuestScope&) = delete;
  ~GuestScope();

 private:
  int host_threads_;  ///< OpenMP's; 0 where there is none
  int threads_;       ///< Torch's
  bool gradients_;
  std::fenv_t environment_{};
};

}  // namespace assay::detail
