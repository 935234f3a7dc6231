// expect: assay: a QueryStrategy needs 'Selection select(const QueryContext&) const'
// SPDX-License-Identifier: Apache-2.0

#include <assay/detail/driver_checks.hpp>

struct NoSelect {
#ifdef ASSAY_FIXED
  assay::Selection select(const assay::QueryContext&) const { return {}; }
#endif
};
static_assert(assay::detail::check_query<NoSelect>());
