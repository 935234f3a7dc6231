// expect: assay: a QueryStrategy with a non-const 'select' needs 'State save() const'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct Remembers {
  int calls = 0;
  assay::Selection select(const assay::QueryContext&) {
    ++calls;
    return {};
  }
#ifdef ASSAY_FIXED
  assay::State save() const { return {.json = {{"calls", calls}}, .tensors = {}}; }
  void load(const assay::State& state) { calls = state.json.at("calls").get<int>(); }
#endif
};

void run() { assay::Driver({.dir = "campaign"}, {}, mlp(), Remembers(), Label()).run(); }
