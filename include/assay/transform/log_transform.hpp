// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>

#include <torch/types.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace assay {

struct LogTransformOptions {
  double floor = 0;

  static constexpr std::array describe{
      OptionInfo{.name = "floor", .help = "smaller values are taken as this one; 0: none may be 0 or less", .min = 0}};
};

/// z = log y: for a positive target over several decades, whose error is to be relative.
///
/// The inverse of a prediction, exp z, is the median of y; its variance is that of a log-normal variable,
/// (exp v - 1) exp(2z + v). Errors: `DataError` `assay.transform.log` for labels that have no logarithm.
struct LogTransform {
  static constexpr std::string_view key = "log";
  static constexpr std::string_view summary = "logarithm of a positive target";

  LogTransform() = default;
  explicit LogTransform(LogTransformOptions options_) : options(std::move(options_)) { require_valid(options, key); }

  void fit(const torch::Tensor&) {}
  std::optional<double> above() const { return options.floor > 0 ? std::nullopt : std::optional(0.0); }
  torch::Tensor apply(const torch::Tensor& values) const;
  torch::Tensor invert(const torch::Tensor& transformed) const { return transformed.exp(); }
  torch::Tensor variance(const torch::Tensor& mean, const torch::Tensor& variance) const;

  LogTransformOptions options;
};

}  // namespace assay
