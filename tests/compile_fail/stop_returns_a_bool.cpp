// expect: assay: a StopCriterion needs 'std::optional<std::string> should_stop(const StopContext&) const'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Enough {
#ifdef ASSAY_FIXED
  std::optional<std::string> should_stop(const assay::StopContext&) const { return "enough"; }
#else
  bool should_stop(const assay::StopContext&) const { return true; }
#endif
};

void run() { assay::Driver({.dir = "campaign", .stop = {Enough()}}, {}, mlp(), assay::Random(), Label()).run(); }
