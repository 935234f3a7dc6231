// expect: assay: a LabelStrategy needs 'std::vector<std::string> provides() const'
// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/driver_checks.hpp>

struct Silent {
  void label(assay::LabelContext&) {}
#ifdef ASSAY_FIXED
  std::vector<std::string> provides() const { return {"drag"}; }
#endif
};
static_assert(assay::detail::check_label<Silent>());
