// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"
#include "commands.hpp"
#include "output.hpp"

#include <assay/data/csv.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/tools/labels.hpp>

#include <iostream>

namespace assay::app {

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

}  // namespace assay::app
