// expect: assay: a DataPool needs 'Values gather(std::span<const std::int64_t> rows) const'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Closed {
  std::int64_t size() const { return 0; }
#ifdef ASSAY_FIXED
  assay::Values gather(std::span<const std::int64_t>) const { return {}; }
#endif
};

void run() { assay::Driver({.dir = "campaign"}, {.unlabeled = Closed()}, mlp(), assay::Random(), Label()).run(); }
