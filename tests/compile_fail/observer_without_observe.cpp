// expect: assay: an Observer needs 'void observe(const Event&)'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Blind {
#ifdef ASSAY_FIXED
  void observe(const assay::Event&) {}
#endif
};

void run() { assay::Driver({.dir = "campaign", .observers = {Blind()}}, {}, mlp(), assay::Random(), Label()).run(); }
