// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

#include <assay/data/csv.hpp>
#include <assay/data/npy.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/tools/labels.hpp>

#include <zip.h>

#include <iostream>
#include <utility>
#include <vector>

namespace assay::app {

namespace {

void write_npz(const std::filesystem::path& file, const LabelTable& table) {
  const auto fail = [&](const std::string& got) {
    throw DataError({"assay.export.npz", file.string(), "to write it", got, ""});
  };
  int code = 0;
  zip_t* archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(text);
  }
  std::vector<std::pair<std::string, std::string>> entries;  // alive until the archive is closed
  for (const auto& [name, tensor] : table.columns) entries.emplace_back(name + ".npy", to_npy(tensor));
  for (const auto& [name, bytes] : entries) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = source ? zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0 || zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) != 0) {
      const std::string text = zip_strerror(archive);
      zip_discard(archive);
      fail(text);
    }
  }
  if (zip_close(archive) != 0) {
    const std::string text = zip_strerror(archive);
    zip_discard(archive);
    fail(text);
  }
}

}  // namespace

void export_labels(const std::filesystem::path& campaign, const std::string& format, const std::filesystem::path& out) {
  const LabelTable table = label_table(campaign);
  if (table.purpose.empty()) {
    throw DataError({"assay.export.empty", campaign.string(), "at least one label", "none", ""});
  }
  if (format == "csv") {
    const std::string text = to_csv({{"purpose", table.purpose}, {"strategy", table.strategy}}, table.columns);
    if (out.empty()) {
      std::cout << text;
    } else {
      detail::write_file(out, text);
    }
  } else if (format == "npz") {
    write_npz(out, table);
  } else {
    write_safetensors(out, table.columns,
                      {{"purpose", Json(table.purpose).dump()}, {"strategy", Json(table.strategy).dump()}});
  }
  if (!out.empty()) std::cout << table.purpose.size() << " labels in " << out.string() << '\n';
}

}  // namespace assay::app
