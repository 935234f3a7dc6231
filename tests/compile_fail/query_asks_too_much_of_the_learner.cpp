// expect: assay: the query strategy needs a capability (see the parameter of its 'select') that the learner does not provide
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#ifdef ASSAY_FIXED
using Context = assay::QueryContext;
#else
using Context = assay::QueryContextWith<assay::PosteriorDraws>;
#endif
struct WantsDraws {
  assay::Selection select(const Context&) const { return {}; }
};

void run() { assay::Driver({.dir = "campaign"}, {}, mlp(), WantsDraws(), Label()).run(); }
