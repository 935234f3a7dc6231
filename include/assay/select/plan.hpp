// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/select/problem.hpp>

#include <string_view>

namespace assay {

/// What a selection will need, known before it begins.
struct SelectionPlan {
  Execution execution = Execution::resident;
  std::int64_t bytes = 0;        ///< most to be held at a time, mapped files included
  double seconds = 0;            ///< estimated, from a short measurement of this machine
  std::int64_t block_rows = 0;   ///< rows of the pool worked on at a time, in each thread
  std::int64_t center_rows = 0;  ///< training rows worked on at a time
  bool map_train = true;         ///< training rows in memory, or read again in pieces
  int threads = 1;
};

/// Chooses how `method` ("k_center", …) is to run within `problem.memory`.
///
/// Cost: nothing of the pool is read; the estimate multiplies two small matrices (milliseconds) if \param estimate.
/// Errors: `ConfigError` `assay.select.memory` if even streaming one row at a time does not fit, saying how much would.
SelectionPlan plan_selection(std::string_view method, const SelectionProblem& problem, bool estimate = true);

}  // namespace assay
