// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace assay::detail {

/// Where the directories of a campaign's simulations are: in its `simulations/`, or, with `scratch`, in a folder of its
/// own there.
///
/// A directory follows from sample and attempt. What the ledger says of one is compared with that and never taken as a
/// path: a ledger may come from anybody, and what is in these directories is read and deleted.
class SimulationFolders {
 public:
  /// \param scratch as the running program gives it; empty: none.
  /// Errors: `CheckpointError` `assay.file.link` where `simulations` is a symbolic link, `assay.ledger.id` for a
  /// campaign id that is no plain name.
  SimulationFolders(const std::filesystem::path& campaign, const std::filesystem::path& scratch,
                    const std::string& campaign_id);

  /// Absolute; not made. A folder under `scratch` is made, and says whose it is.
  std::filesystem::path directory(SampleId id, int attempt) const;
  /// What the ledger is to remember: relative to the campaign, so that this may be moved; absolute in `scratch`.
  std::string in_ledger(const std::filesystem::path& directory) const;
  /// The directory of an earlier attempt; nothing for one that is not where this campaign has its own. In `scratch` a
  /// campaign that was moved finds what it had there before, and a copy of one leaves that to its original.
  std::optional<std::filesystem::path> find(SampleId id, int attempt, const std::string& in_ledger) const;

 private:
  bool is_taken_over(const std::filesystem::path& folder) const;

  std::filesystem::path campaign_;  ///< absolute
  std::filesystem::path scratch_;   ///< absolute, or empty
  std::filesystem::path own_;       ///< folder of new directories
  std::string campaign_id_;
};

}  // namespace assay::detail
