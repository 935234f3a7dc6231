// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include <assay/error.hpp>

namespace assay::app {

void add_settings(CLI::App* command, std::vector<std::string>& settings) {
  command->add_option("--set", settings, "/POINTER=VALUE: changes the configuration there, as in /driver/max_rounds=8")
      ->allow_extra_args(false);
}

void apply_settings(const std::vector<std::string>& settings, Json& configuration) {
  std::vector<ErrorParts> problems;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const auto refuse = [&](const std::string& expected, const std::string& advice) {
      problems.push_back({"assay.set", "--set", expected, "'" + setting + "'", advice});
    };
    if (setting.empty() || setting.front() != '/' || equals == std::string::npos) {
      refuse("/POINTER=VALUE, as /driver/max_rounds=8", "");
      continue;
    }
    const std::string pointer = setting.substr(0, equals), text = setting.substr(equals + 1);
    if (pointer == "/driver/dir" || pointer == "/driver/resume") {
      refuse("another place: CAMPAIGN says which directory, and the command whether it is there", "");
      continue;
    }
    const Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    try {
      configuration[Json::json_pointer(pointer)] = value.is_discarded() ? Json(text) : value;
    } catch (const Json::exception&) {
      refuse("a place in the configuration, in objects and lists alone", "'assay strategies' lists all options");
    }
  }
  if (!problems.empty()) throw ConfigError(std::move(problems));
}

}  // namespace assay::app
