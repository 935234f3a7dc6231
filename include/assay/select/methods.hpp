// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>
#include <assay/options.hpp>
#include <assay/select/problem.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// One method of batch selection, by name.
struct SelectionMethod {
  std::string key, summary;
  bool on_scores = false;  ///< works on one score a candidate; the pool then has one column
  std::vector<OptionRow> options;
};

/// Every method, in the order of the reference.
const std::vector<SelectionMethod>& selection_methods();

/// Chooses by the method of this name, with options from a JSON object.
/// Errors: `ConfigError` for an unknown method or option, naming those there are; those of the method.
SelectedBatch select_batch(std::string_view method, const SelectionProblem& problem,
                           const Json& options = Json::object());

}  // namespace assay
