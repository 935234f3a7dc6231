// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>

#include <iostream>
#include <memory>
#include <optional>

namespace assay::app {

namespace {

struct DiffOptions {
  std::filesystem::path campaign, other;
};

/// Prints the first difference. \return true if there is none.
bool diff(const std::filesystem::path& a, const std::filesystem::path& b) {
  const std::optional<std::string> difference = first_difference(a, b);
  std::cout << difference.value_or("the campaigns came to the same") << '\n';
  return !difference;
}

}  // namespace

Command add_diff(CLI::App& app) {
  const auto options = std::make_shared<DiffOptions>();
  CLI::App* command = app.add_subcommand("diff",
                                         "the first pick, label, metric or parameter in which two campaigns differ");
  add_campaign(command, options->campaign);
  command->add_option("OTHER", options->other, "the other campaign's directory")->required();
  return {command, [options] { return diff(options->campaign, options->other) ? 0 : 1; }};
}

}  // namespace assay::app
