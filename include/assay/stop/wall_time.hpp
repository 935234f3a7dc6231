// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/stop/context.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

struct WallTimeOptions {
  double seconds = 3600;

  static constexpr std::array describe{
      OptionInfo{.name = "seconds", .help = "of work, over all sessions", .min = 0},
  };
};

/// Stops once the phases of all sessions together have taken this long. A resumed campaign decides by the recorded
/// times.
struct WallTime {
  static constexpr std::string_view key = "wall_time";
  static constexpr std::string_view summary = "after a time";

  explicit WallTime(WallTimeOptions options_) : options(std::move(options_)) { require_valid(options, key); }
  std::optional<std::string> should_stop(const StopContext& context) const;

  WallTimeOptions options;
};

}  // namespace assay
