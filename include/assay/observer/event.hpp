// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/phase.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

/// Something that happened in a campaign.
struct Event {
  enum class Kind {
    campaign_started,
    phase_started,
    phase_finished,
    epoch_finished,     ///< done/total: epochs
    simulation_done,    ///< done/total: of this labeling phase
    simulation_failed,  ///< likewise
    metrics,            ///< text: the round's figures in one line
    message,
    warning,
    campaign_finished,
  };

  Kind kind = Kind::message;
  std::int64_t round = 0;
  Phase phase = Phase::training;
  std::string text = {};
  std::int64_t done = 0;
  std::int64_t total = 0;
  double seconds = 0;  ///< what it took, where that makes sense
};

std::string_view to_string(Event::Kind kind);

}  // namespace assay
