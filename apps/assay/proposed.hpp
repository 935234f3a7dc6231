// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>
#include <assay/registries.hpp>

#include <string>
#include <vector>

namespace assay::app {

/// Gives a configuration what it leaves open: the type of a learner that has none, and the query strategy. The rule is
/// that of docs/how_to/choose_strategy_and_learner.md, by the number of labels that the configuration allows.
/// \return a line for each, with the reason.
std::vector<std::string> propose(Json& configuration, const Registries& registries);

}  // namespace assay::app
