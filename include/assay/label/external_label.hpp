// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/label/context.hpp>
#include <assay/options.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct ExternalLabelOptions {
  std::vector<std::string> provides = {};

  static constexpr std::array describe{
      OptionInfo{.name = "provides", .help = "fields that every outcome brings", .required = true}};
};

/// Says that the host program brings the labels itself, with `Driver::ask` and `Driver::tell`.
/// `Driver::run` refuses to work with it.
class ExternalLabel {
 public:
  static constexpr std::string_view key = "external";
  static constexpr std::string_view summary = "the host program brings the labels, by ask and tell";

  explicit ExternalLabel(ExternalLabelOptions options_) : options(std::move(options_)) {}
  void label(LabelContext& context);
  std::vector<std::string> provides() const { return options.provides; }

  ExternalLabelOptions options;
};

}  // namespace assay
