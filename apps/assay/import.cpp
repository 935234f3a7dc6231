// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "command.hpp"
#include "waiting.hpp"

#include <assay/error.hpp>
#include <assay/tools/import_table.hpp>
#include <assay/tools/labels.hpp>

#include <iostream>
#include <map>
#include <memory>

namespace assay::app {

namespace {

struct ImportOptions {
  std::filesystem::path campaign, other;
  std::vector<std::string> map;  ///< FIELD=COLUMN
  double wait = 5;
};

/// Takes labels from another campaign, or from a table.
void take_labels(const ImportOptions& options) {
  std::map<std::string, std::string> columns;
  for (const std::string& pair : options.map) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos)
      throw ConfigError({"assay.import.map", "--map", "FIELD=COLUMN", "'" + pair + "'", ""});
    columns[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  const auto open = [&](const std::vector<std::string>& names) {
    Table table = open_table(options.other, names);
    say_notes(table);
    return table;
  };
  const ImportReport report = when_free(options.wait, [&] {
    return std::filesystem::is_directory(options.other) ? import_labels(options.campaign, options.other)
                                                        : import_table(options.campaign, options.other, open, columns);
  });
  for (const std::string& line : report.refused) std::cout << "refused   " << line << '\n';
  std::cout << report.added << " labels added, " << report.known << " were there, " << report.refused.size()
            << " refused\n";
}

}  // namespace

Command add_import(CLI::App& app) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command = app.add_subcommand("import", "take labels that were paid for elsewhere");
  add_campaign(command, options->campaign);
  command
      ->add_option("OTHER", options->other,
                   "another campaign's directory, or a .csv, .npz, .h5 or .safetensors file of results")
      ->required();
  command->add_option("--map", options->map, "field=column, where a field is not called like its column")
      ->delimiter(',');
  add_wait(command, options->wait);
  return {command, [options] {
            take_labels(*options);
            return 0;
          }};
}

}  // namespace assay::app
