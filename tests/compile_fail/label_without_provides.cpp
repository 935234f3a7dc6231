// expect: assay: a LabelStrategy needs 'std::vector<std::string> provides() const'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Silent {
  void label(assay::LabelContext&) {}
#ifdef ASSAY_FIXED
  std::vector<std::string> provides() const { return {"y"}; }
#endif
};

void run() { assay::Driver({.dir = "campaign"}, {}, mlp(), assay::Random(), Silent()).run(); }
