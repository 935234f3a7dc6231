// expect: assay: a TrainingLoop needs 'TrainingReport train(LearnerRef, TrainingContext&)'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Forgetful {
  assay::TrainingReport train(assay::LearnerRef, assay::TrainingContext&) { return {}; }
#ifdef ASSAY_FIXED
  assay::State save() const { return {}; }
  void load(const assay::State&) {}
#endif
};

void run() {
  assay::Driver({.dir = "campaign"}, {}, mlp(), assay::Random(), Label(), assay::NoMetrology(), Forgetful()).run();
}
