// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>

namespace assay {

std::string describe(const ErrorParts& parts) {
  std::string text = "[" + parts.id + "]";
  if (!parts.where.empty()) text += " " + parts.where + ":";
  if (!parts.expected.empty()) text += " expected " + parts.expected;
  if (!parts.got.empty()) text += (parts.expected.empty() ? " got " : ", got ") + parts.got;
  if (!parts.advice.empty()) text += "; " + parts.advice;
  return text;
}

namespace {

std::string describe_all(const std::vector<ErrorParts>& problems) {
  if (problems.size() == 1) return describe(problems.front());
  std::string text = std::to_string(problems.size()) + " problems in the configuration:";
  for (const ErrorParts& problem : problems) text += "\n  " + describe(problem);
  return text;
}

}  // namespace

ConfigError::ConfigError(std::vector<ErrorParts> problems)
    : Error(problems.front(), describe_all(problems)), problems_(std::move(problems)) {}

}  // namespace assay
