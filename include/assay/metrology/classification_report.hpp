// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/metrology/context.hpp>
#include <assay/options.hpp>

#include <array>
#include <string_view>

namespace assay {

struct ClassificationReportOptions {
  std::int64_t positive = 1;

  static constexpr std::array describe{
      OptionInfo{.name = "positive", .help = "the class whose precision, recall and F1 are measured", .min = 0}};
};

/// `precision`, `recall` and `f1` of one class, the same for all three: over all integer targets together, their hits
/// and misses counted in one table, and of each target as `precision/TARGET`, `recall/TARGET`, `f1/TARGET`.
///
/// precision = TP / (TP + FP), recall = TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN); 0 where the denominator is 0.
/// Cost: none beyond the round's shared predictions.
struct ClassificationReport {
  static constexpr std::string_view key = "classification_report";
  static constexpr std::string_view summary = "precision, recall and F1 of one class";
  static constexpr std::array<std::string_view, 3> measured{"precision", "recall", "f1"};

  explicit ClassificationReport(ClassificationReportOptions options_ = {}) : options(options_) {
    require_valid(options, key);
  }
  Measurements measure(const MetrologyContext& context) const;

  ClassificationReportOptions options;
};

}  // namespace assay
