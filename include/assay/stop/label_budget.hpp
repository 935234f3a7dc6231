// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/stop/context.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

struct LabelBudgetOptions {
  std::int64_t labels = 100;

  static constexpr std::array describe{
      OptionInfo{.name = "labels", .help = "samples labeled for training", .min = 0},
  };
};

/// Stops once this many samples have been labeled through the label strategy for training.
struct LabelBudget {
  static constexpr std::string_view key = "label_budget";
  static constexpr std::string_view summary = "after a number of labels";

  explicit LabelBudget(LabelBudgetOptions options_) : options(std::move(options_)) { require_valid(options, key); }
  std::optional<std::string> should_stop(const StopContext& context) const;

  LabelBudgetOptions options;
};

}  // namespace assay
