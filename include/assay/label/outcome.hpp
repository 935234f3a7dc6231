// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <optional>
#include <string>
#include <utility>

namespace assay {

/// What a simulation without a label means for its sample.
enum class Verdict {
  failed,      ///< set aside, until somebody asks for another attempt
  retry,       ///< failed, and back in the queue for another attempt
  infeasible,  ///< the design cannot be: no failure, and nothing to try again
};

/// What came of one simulation: its labels, or why there are none.
struct Outcome {
  std::optional<Values> labels;
  std::string reason = {};                        ///< without labels: why there are none
  Verdict verdict = Verdict::failed;              ///< and what that means
  std::optional<int> exit_status = std::nullopt;  ///< of the program that gave none
  std::string output = {};                        ///< the tail of what it printed
};

/// A simulation that gave its labels.
inline Outcome done(Values labels) { return {.labels = std::move(labels)}; }
/// A simulation that gave none. \param retry puts the sample back into the queue.
inline Outcome failed(std::string reason, bool retry = false) {
  return {.labels = std::nullopt, .reason = std::move(reason), .verdict = retry ? Verdict::retry : Verdict::failed};
}

/// A simulation that found its design impossible: the sample is set aside for good, and is no failure.
inline Outcome infeasible(std::string reason) {
  return {.labels = std::nullopt, .reason = std::move(reason), .verdict = Verdict::infeasible};
}

}  // namespace assay
