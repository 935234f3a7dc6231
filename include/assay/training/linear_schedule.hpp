// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/training/scheduler.hpp>

namespace assay {

struct LinearScheduleOptions {
  double final_factor = 0;

  static constexpr std::array describe{
      OptionInfo{.name = "final_factor",
                 .help = "what the learning rate is multiplied with where the line ends",
                 .min = 0,
                 .max = 1}};
};

/// A line from 1 down to `final_factor` = f:  f + (1 - f) · (1 - epoch / epochs).
class LinearSchedule {
 public:
  static constexpr std::string_view key = "linear";
  static constexpr std::string_view summary = "a line from 1 down to final_factor";

  explicit LinearSchedule(LinearScheduleOptions options_ = {}) : options(options_) { require_valid(options, key); }
  double factor(const ScheduleProgress& progress) const {
    const double left = 1 - static_cast<double>(progress.epoch) / static_cast<double>(progress.epochs);
    return options.final_factor + (1 - options.final_factor) * left;
  }

  LinearScheduleOptions options;
};

}  // namespace assay
