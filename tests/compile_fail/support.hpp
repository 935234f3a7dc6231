// SPDX-License-Identifier: Apache-2.0
// What the cases need besides the type under test: a driver as a user would write it, with parts that are right.
// A guard, for the precompiled copy is another file.
#ifndef ASSAY_COMPILE_FAIL_SUPPORT
#define ASSAY_COMPILE_FAIL_SUPPORT

#include <assay/driver.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/query/random.hpp>

struct Label {
  void label(assay::LabelContext&) {}
  std::vector<std::string> provides() const { return {"y"}; }
};

inline assay::Mlp mlp() { return assay::Mlp({.inputs = {"x"}, .targets = {"y"}}); }

#endif
