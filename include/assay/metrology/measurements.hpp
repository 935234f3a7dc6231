// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// One figure: "rmse" over all targets, "rmse/drag" for one of them.
struct Measurement {
  std::string name;
  double value = 0;
};

using Measurements = std::vector<Measurement>;

/// What was measured in one round, with the number of training labels the learner had then.
struct MetricRecord {
  std::int64_t round = 0;
  std::int64_t labels = 0;
  Measurements measurements;
};

/// The value called `name`, or nullptr.
const double* find(const Measurements& measurements, std::string_view name);

}  // namespace assay
