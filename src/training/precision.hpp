// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace assay::detail {

/// While it lives, operators that autocast knows (products of matrices above all) compute in bfloat16 on the devices of
/// a type, in this thread; sums, losses and parameters stay as they are. Every use casts anew: nothing is remembered
/// that an update would make stale.
class Bf16Scope {
 public:
  explicit Bf16Scope(c10::DeviceType device);
  Bf16Scope(const Bf16Scope&) = delete;
  Bf16Scope& operator=(const Bf16Scope&) = delete;
  ~Bf16Scope();

 private:
  c10::DeviceType device_;
  bool enabled_;
  bool cached_;
  c10::ScalarType dtype_;
};

/// While it lives, products of float32 matrices on CUDA may round their factors to TF32, or may not: for the whole
/// program.
class Tf32Scope {
 public:
  explicit Tf32Scope(bool allowed);
  Tf32Scope(const Tf32Scope&) = delete;
  Tf32Scope& operator=(const Tf32Scope&) = delete;
  ~Tf32Scope();

 private:
  bool before_;
};

}  // namespace assay::detail
