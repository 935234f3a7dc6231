// expect: assay: 'measure' of a MetrologyStrategy returns 'Measurements'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Bare {
#ifdef ASSAY_FIXED
  assay::Measurements measure(const assay::MetrologyContext&) const { return {}; }
#else
  double measure(const assay::MetrologyContext&) const { return 0; }
#endif
};

void run() { assay::Driver({.dir = "campaign"}, {}, mlp(), assay::Random(), Label(), Bare()).run(); }
