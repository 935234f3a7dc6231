// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>

#include <array>
#include <string_view>

namespace assay {

/// Mean logarithm of the predicted normal density at the truth, higher is better:
/// -(ln(2π s²) + (predicted - true)² / s²) / 2, s² the predictive variance.
///
/// `log_likelihood` is over all components, each in units of its `error_scale` over the evaluation pool and counting as
/// `LearnerTargets` says;
/// `log_likelihood/TARGET` is of one target in its own unit. A variance below 1e-12 of the target's own counts as that.
/// Cost: one forward pass over the evaluation pool.
/// Source: Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", section 4.1.
struct LogLikelihood {
  static constexpr std::string_view key = "log_likelihood";
  static constexpr std::string_view summary = "mean log of the predicted density at the truth";
  static constexpr std::array measured{key};

  Measurements measure(const MetrologyContextWith<Variance>& context) const;
};

}  // namespace assay
