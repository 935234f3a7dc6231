// expect: assay: the query strategy needs a capability (see the parameter of its 'select') that the learner does not
// provide SPDX-License-Identifier: Apache-2.0
#include <assay/detail/driver_checks.hpp>
#include <assay/learner/module_learner.hpp>

#ifdef ASSAY_FIXED
using Context = assay::QueryContext;
#else
using Context = assay::QueryContextWith<assay::Variance>;
#endif
struct WantsVariance {
  assay::Selection select(const Context&) const { return {}; }
};
static_assert(assay::detail::check_match<WantsVariance, assay::ModuleLearner>());
