// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Context.h>

#include "catch.hpp"

/// Whether a test of a CUDA device has to pass without one; says so, with the words that CTest takes for skipped.
inline bool no_cuda_device() {
  if (at::hasCUDA()) return false;
  WARN("skipped: this LibTorch finds no CUDA device");
  return true;
}
