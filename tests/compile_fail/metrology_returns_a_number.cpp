// expect: assay: 'measure' of a MetrologyStrategy returns 'Measurements'
// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/driver_checks.hpp>

struct Bare {
#ifdef ASSAY_FIXED
  assay::Measurements measure(const assay::MetrologyContext&) const { return {}; }
#else
  double measure(const assay::MetrologyContext&) const { return 0; }
#endif
};
static_assert(assay::detail::check_metrology<Bare>());
