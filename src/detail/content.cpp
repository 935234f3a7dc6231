// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/content.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/json.hpp>
#include <assay/ledger.hpp>

namespace assay::detail {

std::string content_of(const Values& inputs, const std::string& label_version) {
  const std::string content = fingerprint(inputs);
  return label_version.empty() ? content : sha256(content + "\n" + label_version);
}

std::string label_version_of(const Ledger& ledger) {
  return parse_json(ledger.configuration(), "ledger").value("label_version", "");
}

}  // namespace assay::detail
