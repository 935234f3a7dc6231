// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>
#include <assay/options.hpp>

#include <array>
#include <string_view>

namespace assay {

struct CoverageOptions {
  double level = 0.9;

  static constexpr std::array describe{
      OptionInfo{.name = "level", .help = "of the normal interval around the prediction", .min = 0, .max = 1}};
};

/// Share of truths inside the central normal interval of the given level around the prediction: well calibrated
/// uncertainty gives the level itself. `coverage` over all components, which count as
/// `LearnerTargets` says, `coverage/TARGET` for each target.
///
/// Cost: one forward pass over the evaluation pool.
struct Coverage {
  static constexpr std::string_view key = "coverage";
  static constexpr std::string_view summary = "share of truths inside the predicted interval";
  static constexpr std::array measured{key};

  explicit Coverage(CoverageOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Measurements measure(const MetrologyContextWith<Variance>& context) const;

  CoverageOptions options;
};

}  // namespace assay
