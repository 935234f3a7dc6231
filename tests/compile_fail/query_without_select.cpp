// expect: assay: a QueryStrategy needs 'Selection select(const QueryContext&) const'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct NoSelect {
#ifdef ASSAY_FIXED
  assay::Selection select(const assay::QueryContext&) const { return {}; }
#endif
};

void run() { assay::Driver({.dir = "campaign"}, {}, mlp(), NoSelect(), Label()).run(); }
