// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

#include <assay/campaign_hash.hpp>

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  CLI::App app("Looks at assay's campaigns", "assay");
  app.set_version_flag("--version", "assay " ASSAY_VERSION);
  app.require_subcommand(1);

  std::filesystem::path campaign;
  bool json = false;
  CLI::App* show = app.add_subcommand("show", "where a campaign stands: phase, counts, last metrics");
  show->add_option("CAMPAIGN", campaign, "campaign directory")->required();
  show->add_flag("--json", json, "one JSON object");
  CLI::App* strategies = app.add_subcommand("strategies", "every registered key with its options");
  strategies->add_flag("--json", json, "one JSON object");
  CLI::App* hash = app.add_subcommand("hash", "one line: a digest of what a campaign came to");
  hash->add_option("CAMPAIGN", campaign, "campaign directory")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (show->parsed()) assay::app::show(campaign, json);
    if (strategies->parsed()) assay::app::strategies(json);
    if (hash->parsed()) std::cout << assay::campaign_hash(campaign) << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "assay: " << error.what() << '\n';
    return 1;
  }
}
