// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/values.hpp>

#include <string>

namespace assay {
class Ledger;
}

namespace assay::detail {

/// What a label depends on: the inputs, and the version of labels that a campaign has. Samples of equal content have
/// equal labels.
std::string content_of(const Values& inputs, const std::string& label_version);

/// Of a campaign; empty where it has none.
std::string label_version_of(const Ledger& ledger);

}  // namespace assay::detail
