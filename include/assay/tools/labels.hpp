// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/sample.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay {

/// Puts samples that failed, or were infeasible or abandoned, back into the queue: a driver that continues the campaign
/// has them simulated with its next labeling, and folds their labels in with that round. \param ids none: all that
/// failed. \return how many were queued. Errors: `CheckpointError` `assay.campaign.missing`, `assay.campaign.locked`,
/// `assay.ledger.sample` for an unknown id.
std::int64_t retry_samples(const std::filesystem::path& campaign, const std::optional<std::vector<SampleId>>& ids);

/// Gives samples up that are queued or failed: nobody waits for them any more. \return how many were given up.
/// Errors: as `retry_samples`.
std::int64_t abandon_samples(const std::filesystem::path& campaign, const std::vector<SampleId>& ids);

/// Which labels are taken back, and what becomes of their samples.
struct Withdrawal {
  std::vector<SampleId> ids = {};
  std::string solver = {};  ///< also all labels that this version of the solver computed; empty: none
  std::string reason = {};
  bool abandon = false;  ///< their samples are given up; else they are queued, to be computed anew
};

/// What taking labels back changed.
struct WithdrawalReport {
  std::vector<SampleId> ids = {};  ///< whose labels were taken back
  std::int64_t copies = 0;         ///< of them: copies of the others, for samples of the same content
  std::int64_t folded_in = 0;      ///< of them: the learner had learned from them
};

/// Takes labels back that have turned out to be wrong. They stay in the record of the attempt that gave them, as
/// withdrawn, with the reason; their samples leave the pools. A driver that continues the campaign trains its learner
/// anew, from new weights, with its next training: metrics of rounds before stay as they were measured. A finished
/// campaign goes on with its last labeling.
/// Errors: as `retry_samples`; `DataError` `assay.withdraw.label` for a sample without a label, when nothing has
/// changed.
WithdrawalReport withdraw_labels(const std::filesystem::path& campaign, const Withdrawal& what);

/// What an import took, and what it left.
struct ImportReport {
  std::int64_t added = 0;
  std::int64_t known = 0;            ///< same inputs and labels, to within rounding, already there
  std::vector<std::string> refused;  ///< one line each: labels that this campaign could not use, or has others for
};

/// Takes the labels that another campaign paid for into this one's archive: every sample that is chosen later with the
/// same inputs is answered from there, without a simulation; those at other inputs than any candidate's are learned
/// from as samples of their own, from the next choice on.
/// Errors: as `retry_samples`, for either campaign.
ImportReport import_labels(const std::filesystem::path& campaign, const std::filesystem::path& other);

/// Every labeled sample of a campaign's ledger, in the order of integration, then those not yet folded in: columns
/// `assay.id`, `assay.round`, `assay.rank`, `assay.score` (NaN where there is none), `assay.attempts`, `assay.seconds`,
/// then inputs and labels under their own names; and the texts `purpose` and `strategy`, one a sample. A table has one
/// shape for each field: samples of another than most have stand in words in `left_out`, with what was paid for.
/// Errors: `CheckpointError`.
struct LabelTable {
  Values columns;
  std::vector<std::string> purpose;
  std::vector<std::string> strategy;
  std::vector<std::string> left_out = {};
};
LabelTable label_table(const std::filesystem::path& campaign);

/// The first thing in which two campaigns differ (a pick, a label, a metric, a parameter), in words; nothing if they
/// came to the same.
/// Errors: `CheckpointError`.
std::optional<std::string> first_difference(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace assay
