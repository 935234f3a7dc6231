// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

/// LibTorch on one thread for as long as it lives: small products in several wait for each other, on a busy machine for
/// minutes.
struct OneThread {
  int host = at::get_num_threads();
  OneThread() { at::set_num_threads(1); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { at::set_num_threads(host); }
};
