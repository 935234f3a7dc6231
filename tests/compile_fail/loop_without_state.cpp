// expect: assay: a TrainingLoop needs 'TrainingReport train(LearnerRef, TrainingContext&)'
// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/driver_checks.hpp>

struct Forgetful {
  assay::TrainingReport train(assay::LearnerRef, assay::TrainingContext&) { return {}; }
#ifdef ASSAY_FIXED
  assay::State save() const { return {}; }
  void load(const assay::State&) {}
#endif
};
static_assert(assay::detail::check_loop<Forgetful>());
