// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/observer/event.hpp>

#include <stdexcept>

/// Throws at its n-th event of a kind: a crash at that very place.
struct Crash {
  assay::Event::Kind kind;
  int at;
  int seen = 0;
  void observe(const assay::Event& event) {
    if (event.kind == kind && ++seen == at) throw std::runtime_error("crash");
  }
};
