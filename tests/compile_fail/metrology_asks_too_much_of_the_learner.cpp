// expect: assay: the metrology strategy needs a capability (see the parameter of its 'measure') that the learner does not provide
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#ifdef ASSAY_FIXED
using Context = assay::MetrologyContext;
#else
using Context = assay::MetrologyContextWith<assay::PosteriorDraws>;
#endif
struct Calibration {
  assay::Measurements measure(const Context&) const { return {}; }
};

void run() { assay::Driver({.dir = "campaign"}, {}, mlp(), assay::Random(), Label(), Calibration()).run(); }
