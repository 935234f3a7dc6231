// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

#include <assay/data/npy.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/tools/labels.hpp>

#include <zip.h>

#include <array>
#include <charconv>
#include <cmath>
#include <iostream>
#include <sstream>

namespace assay::app {

namespace {

/// `text`, quoted where CSV asks for it (RFC 4180).
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

/// The shortest text that reads back as the same number of the same type.
template <class Number>
std::string shortest(Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), end.ptr};
}

void write_csv(std::ostream& out, const LabelTable& table) {
  out << "purpose,strategy";
  std::vector<torch::Tensor> columns;
  for (const auto& [name, tensor] : table.columns) {
    columns.push_back(tensor.reshape({tensor.size(0), -1}).contiguous());
    for (std::int64_t i = 0; i < columns.back().size(1); ++i) {
      out << ',' << quoted(tensor.dim() == 1 ? name : name + "[" + std::to_string(i) + "]");
    }
  }
  out << '\n';
  for (std::size_t row = 0; row < table.purpose.size(); ++row) {
    out << table.purpose[row] << ',' << quoted(table.strategy[row]);
    for (const torch::Tensor& column : columns) {
      const torch::Tensor values = column[static_cast<std::int64_t>(row)];
      for (std::int64_t i = 0; i < values.size(0); ++i) {
        out << ',';
        if (values.is_floating_point()) {
          // NaN, as a score that no strategy gave, is an empty cell.
          if (const double number = values[i].item<double>(); !std::isnan(number)) {
            out << (values.scalar_type() == torch::kFloat64 ? shortest(number) : shortest(static_cast<float>(number)));
          }
        } else {
          out << values[i].item<std::int64_t>();
        }
      }
    }
    out << '\n';
  }
}

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
    std::ostringstream text;
    write_csv(text, table);
    if (out.empty()) {
      std::cout << text.str();
    } else {
      detail::write_file(out, text.str());
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
