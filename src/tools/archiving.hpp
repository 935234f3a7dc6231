// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/ledger.hpp>
#include <assay/tools/labels.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace assay::tools {

/// Takes labels into a campaign's archive, many in one commit, and counts what became of them.
class Archiving {
 public:
  /// Errors: `ConfigError` for a campaign in which no label answers another sample.
  Archiving(const std::filesystem::path& campaign, Ledger& ledger);

  /// Refused where the campaign has other labels for the same inputs. \param name of its row, or sample.
  void add(ArchivedLabel label, const std::string& name);
  void refuse(std::string line) { report_.refused.push_back(std::move(line)); }
  /// Commits what waits.
  ImportReport end();

 private:
  void commit();

  Ledger& ledger_;
  ImportReport report_;
  std::vector<ArchivedLabel> waiting_;
};

}  // namespace assay::tools
