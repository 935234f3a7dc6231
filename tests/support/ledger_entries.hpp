// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/ledger.hpp>

#include <cstdint>
#include <vector>

/// Samples to commit, with ids one after the other.
inline std::vector<assay::NewEntry> entries(std::int64_t count, assay::SampleId first = 100) {
  std::vector<assay::NewEntry> all;
  for (std::int64_t i = 0; i < count; ++i) {
    const assay::Values inputs{{"x", static_cast<double>(i)}};
    all.push_back({.id = first + i,
                   .rank = i,
                   .score = 0.5,
                   .strategy = "s",
                   .inputs = inputs,
                   .fingerprint = assay::fingerprint(inputs)});
  }
  return all;
}
