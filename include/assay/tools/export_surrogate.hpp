// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_learner.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay {

struct Registries;

/// The learner of a campaign as its newest checkpoint has it, on the CPU. The campaign is only looked at: it may be
/// another user's, or be running. \param damaged gets a line for each checkpoint that was passed over.
/// Errors: `CheckpointError` `assay.campaign.missing`; `DataError` `assay.predict.untrained` where there is no
/// checkpoint, or none whose learner has been trained.
AnyLearner campaign_learner(const std::filesystem::path& campaign, const Registries& registries,
                            std::vector<std::string>& damaged);

/// Writes the learner of a campaign into `directory`, for `Surrogate` in a solver, `load_learner`, and `assay predict`:
/// with the units that the campaign's space and targets have, and where it comes from (`Surrogate::Provenance`).
/// \param damaged as there. \return why `Surrogate` cannot load it, where only LibTorch can ask this learner.
/// Errors: as `campaign_learner`.
std::optional<std::string> export_surrogate(const std::filesystem::path& campaign,
                                            const std::filesystem::path& directory, const Registries& registries,
                                            std::vector<std::string>& damaged);

}  // namespace assay
