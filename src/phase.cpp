// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/observer/event.hpp>
#include <assay/phase.hpp>

#include <array>
#include <string>

namespace assay {

namespace {
constexpr std::array phase_names{"training", "metrology", "query", "labeling", "data_integration"};
constexpr std::array kind_names{"campaign_started", "phase_started",     "phase_finished", "epoch_finished",
                                "simulation_done",  "simulation_failed", "metrics",        "message",
                                "warning",          "campaign_finished"};
}  // namespace

std::string_view to_string(Phase phase) { return phase_names[static_cast<std::size_t>(phase)]; }

Phase phase_from_string(std::string_view text) {
  for (std::size_t i = 0; i < phase_names.size(); ++i) {
    if (phase_names[i] == text) return static_cast<Phase>(i);
  }
  throw CheckpointError({.id = "assay.checkpoint.phase",
                         .where = "phase",
                         .expected = "training, metrology, query, labeling or data_integration",
                         .got = "'" + std::string(text) + "'",
                         .advice = {}});
}

std::string_view to_string(Event::Kind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

}  // namespace assay
