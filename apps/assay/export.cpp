// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "command.hpp"
#include "output.hpp"

#include <assay/data/csv.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/registries.hpp>
#include <assay/tools/export_surrogate.hpp>
#include <assay/tools/labels.hpp>

#include <iostream>
#include <memory>
#include <optional>

namespace assay::app {

namespace {

struct ExportOptions {
  std::filesystem::path campaign, out, surrogate;
  std::string format;
};

void export_learner_of(const std::filesystem::path& campaign, const std::filesystem::path& directory) {
  std::vector<std::string> damaged;
  const std::optional<std::string> only_here = export_surrogate(campaign, directory, Registries(), damaged);
  for (const std::string& line : damaged) std::cerr << "assay: " << line << '\n';
  std::cout << "the surrogate is in " << directory.string() << ": 'assay predict " << directory.string()
            << " inputs.csv' asks it, in a solver "
            << (only_here ? "with LibTorch load_learner" : "assay::Surrogate or assay/surrogate.h") << '\n';
  if (only_here) std::cerr << "assay: a solver without LibTorch cannot ask it: " << *only_here << '\n';
}

/// Writes all labels of a campaign. An empty `out` is standard output, for csv alone.
void export_labels(const std::filesystem::path& campaign, const std::string& format, const std::filesystem::path& out) {
  const LabelTable table = label_table(campaign);
  if (table.purpose.empty()) {
    throw DataError({"assay.export.empty", campaign.string(), "at least one label", "none", ""});
  }
  const Texts texts{{"assay.purpose", table.purpose}, {"assay.strategy", table.strategy}};
  if (format == "csv") {
    put(out, to_csv(texts, table.columns));
  } else if (format == "npz") {
    write_npz(out, table.columns);
  } else if (format == "h5") {
    write_hdf5(out, table.columns, texts);
  } else {
    write_safetensors(out, table.columns,
                      {{"assay.purpose", Json(table.purpose).dump()}, {"assay.strategy", Json(table.strategy).dump()}});
  }
  for (const std::string& sample : table.left_out)
    std::cerr << "assay: left out, for its labels have another shape than most: " << sample << '\n';
  if (!out.empty()) std::cout << table.purpose.size() << " labels in " << out.string() << '\n';
}

}  // namespace

Command add_export(CLI::App& app) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "write all labeled samples with their history, or the surrogate");
  add_campaign(command, options->campaign);
  CLI::Option_group* what = command->add_option_group("what");
  what->add_option("--to", options->format, "labeled samples: csv, npz, h5 or safetensors")
      ->check(CLI::IsMember({"csv", "npz", "h5", "safetensors"}));
  what->add_option("--surrogate", options->surrogate, "the learner: folder, for solvers and 'assay predict'");
  what->require_option(1);
  command->add_option("--out", options->out, "file; without it csv goes to standard output");
  return {command, [options] {
            if (options->format.empty()) {
              if (options->surrogate.empty() || !options->out.empty()) {
                std::cerr << "assay: --surrogate needs a folder, and no --out; --help tells more\n";
                return usage_code;
              }
              export_learner_of(options->campaign, options->surrogate);
              return 0;
            }
            if (options->out.empty() && options->format != "csv") {
              std::cerr << "assay: --to " << options->format << " needs --out FILE; --help tells more\n";
              return usage_code;
            }
            export_labels(options->campaign, options->format, options->out);
            return 0;
          }};
}

}  // namespace assay::app
