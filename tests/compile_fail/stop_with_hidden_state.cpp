// expect: assay: a StopCriterion with a non-const 'should_stop' needs 'State save() const'
// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

struct ThirdTime {
  int calls = 0;
  std::optional<std::string> should_stop(const assay::StopContext&) {
    return ++calls < 3 ? std::nullopt : std::optional<std::string>("third time");
  }
#ifdef ASSAY_FIXED
  assay::State save() const { return {.json = {{"calls", calls}}, .tensors = {}}; }
  void load(const assay::State& state) { calls = state.json.at("calls").get<int>(); }
#endif
};

void run() { assay::Driver({.dir = "campaign", .stop = {ThirdTime()}}, {}, mlp(), assay::Random(), Label()).run(); }
