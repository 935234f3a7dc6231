// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/stop/context.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

struct MaxRoundsOptions {
  std::int64_t rounds = 10;

  static constexpr std::array describe{
      OptionInfo{.name = "rounds", .help = "rounds of labeling before the end", .min = 0},
  };
};

/// Stops once this many rounds have been measured.
struct MaxRounds {
  static constexpr std::string_view key = "max_rounds";
  static constexpr std::string_view summary = "after a number of rounds";

  explicit MaxRounds(MaxRoundsOptions options_) : options(std::move(options_)) { require_valid(options, key); }
  std::optional<std::string> should_stop(const StopContext& context) const;

  MaxRoundsOptions options;
};

}  // namespace assay
