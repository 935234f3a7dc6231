// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <ATen/Parallel.h>
#include <cfenv>

namespace assay::detail {

/// Keeps the host's settings while assay computes, and gives them back on the way out, exceptions included: the
/// number of Torch's threads, gradient mode, floating-point traps and rounding (several Torch kernels raise SIGFPE
/// where the host has enabled traps).
class GuestScope {
 public:
  GuestScope() : threads_(at::get_num_threads()), gradients_(at::GradMode::is_enabled()) {
    std::feholdexcept(&environment_);
    std::fesetround(FE_TONEAREST);
  }
  GuestScope(const GuestScope&) = delete;
  GuestScope& operator=(const GuestScope&) = delete;
  ~GuestScope() {
    if (at::get_num_threads() != threads_) at::set_num_threads(threads_);
    at::GradMode::set_enabled(gradients_);
    std::fesetenv(&environment_);
  }

 private:
  int threads_;
  bool gradients_;
  std::fenv_t environment_{};
};

}  // namespace assay::detail
