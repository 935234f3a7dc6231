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

/// What an import took, and what it left.
struct ImportReport {
  std::int64_t added = 0;
  std::int64_t known = 0;            ///< same inputs, already there
  std::vector<std::string> refused;  ///< one line each: labels that this campaign could not use
};

/// Takes the labels that another campaign paid for into this one's archive: every sample that is chosen later with the
/// same inputs is answered from there, without a simulation.
/// Errors: as `retry_samples`, for either campaign.
ImportReport import_labels(const std::filesystem::path& campaign, const std::filesystem::path& other);

/// Every labeled sample of a campaign's ledger, in the order of integration, then those not yet folded in: columns
/// `id`, `round`, `rank`, `score` (NaN where there is none), `attempts`, `seconds`, then inputs and labels; and the
/// texts `purpose` and `strategy`, one a sample. Errors: `CheckpointError`; `ShapeError` where samples differ in shape.
struct LabelTable {
  Values columns;
  std::vector<std::string> purpose;
  std::vector<std::string> strategy;
};
LabelTable label_table(const std::filesystem::path& campaign);

/// The first thing in which two campaigns differ (a pick, a label, a metric, a parameter), in words; nothing if they
/// came to the same.
/// Errors: `CheckpointError`.
std::optional<std::string> first_difference(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace assay
