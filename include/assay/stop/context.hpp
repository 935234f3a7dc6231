// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/measurements.hpp>

#include <cstdint>
#include <vector>

namespace assay {

/// Simulations and labels so far, by use.
struct Counts {
  std::int64_t labels = 0;             ///< samples labeled through the label strategy for training
  std::int64_t validation_labels = 0;  ///< likewise for the validation pool
  std::int64_t test_labels = 0;        ///< likewise for the test pool
  std::int64_t failed = 0;             ///< samples set aside without a label
  std::int64_t infeasible = 0;         ///< samples whose design was found impossible
  std::int64_t simulations = 0;        ///< attempts, whatever came of them
};

/// What a stop criterion sees at the end of a round's metrology.
struct StopContext {
  std::int64_t round = 0;
  Counts counts;
  double seconds = 0;  ///< of work over all sessions, as recorded, so that a resume decides alike
  const std::vector<MetricRecord>& records;
};

}  // namespace assay
