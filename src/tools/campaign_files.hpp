// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/schema.hpp>
#include <assay/detail/campaign_lock.hpp>
#include <assay/learner/target_rule.hpp>
#include <assay/ledger.hpp>

#include <filesystem>
#include <string>
#include <vector>

// How the tools open a campaign that no driver of this process runs.

namespace assay::tools {

/// The ledger that counts; it may not exist.
std::filesystem::path ledger_file(const std::filesystem::path& campaign);

/// What `CampaignLock` has to know of a campaign that no driver of this process runs.
Storage storage_of_campaign(const std::filesystem::path& campaign);

/// How the ledger of a campaign directory is kept.
Journal journal_of(const std::filesystem::path& campaign);

/// Changes nothing in the directory, nor beside it.
/// Errors: `CheckpointError` `assay.campaign.missing`.
Ledger open_to_read(const std::filesystem::path& campaign);

/// A ledger that may be changed, held like a driver holds it.
struct HeldLedger {
  /// Errors: `CheckpointError` `assay.campaign.missing`, `assay.campaign.locked`.
  explicit HeldLedger(const std::filesystem::path& campaign);

  detail::CampaignLock lock;
  Ledger ledger;
};

/// Inputs and targets of a campaign's learner, as its specification names them, or that of the learner it holds.
struct LearnerFields {
  std::vector<std::string> inputs, targets;
  Schema declared;  ///< targets whose shape the specification says
};
LearnerFields learner_fields(const Ledger& ledger);
/// What a campaign's labels have to be; nothing where its learner is a program's own.
std::vector<TargetRule> label_rules(const Ledger& ledger);

}  // namespace assay::tools
