// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assay::detail {

/// While it lives, large tensors on the CPU that are let go of leave their memory to the next one of their size.
///
/// A step of a net through autograd makes and frees the same tensors again and again. The C library gives memory of a
/// few hundred kilobytes and more back to the system when it is freed, and gets it anew, page by page, when it is
/// touched: 6 % of a step of 256 samples through 8-256-256-1. Memory that outlives the scope is freed as any other;
/// what is kept is given back at its end. It is for the whole program: other threads' tensors may use it meanwhile.
class KeptMemory {
 public:
  KeptMemory();
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;
  ~KeptMemory();
};

}  // namespace assay::detail
