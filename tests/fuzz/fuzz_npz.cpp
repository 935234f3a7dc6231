// SPDX-License-Identifier: Apache-2.0
// A .npz file, as `import` and `compare` read it: its bytes behind an 'r', or, behind an 's' or 'd', arrays as name and
// .npy file in turn, between NUL bytes (with \1 and \2 in them for NUL and \1), which the target stores or deflates.
#include "../support/folder.hpp"
#include "fuzz.hpp"

#include "../../apps/assay/archives.hpp"

#include <assay/detail/files.hpp>

#include <unistd.h>
#include <zip.h>

#include <filesystem>

namespace {

namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_npz");

std::string unescaped(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\1' && i + 1 < text.size() && (text[i + 1] == '\1' || text[i + 1] == '\2');
    bytes += escape ? (text[++i] == '\1' ? '\0' : '\1') : text[i];
  }
  return bytes;
}

/// An archive of the arrays; nothing where libzip makes none.
bool make_archive(const fs::path& file, std::string_view input, int method) {
  std::vector<std::pair<std::string, std::string>> entries;
  const std::vector<std::string_view> parts = fuzz::split(input, 7);
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    if (!parts[i].empty()) entries.emplace_back(parts[i], unescaped(parts[i + 1]));
  }
  zip_t* archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  if (!archive) return false;
  for (const auto& [name, bytes] : entries) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_GUESS);
    if (index < 0) {
      zip_source_free(source);
    } else {
      zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
    }
  }
  if (zip_close(archive) == 0) return !entries.empty();
  zip_discard(archive);
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  if (size == 0) return 0;
  static const temporary::MemoryFolder folder;
  const fs::path file = folder / "input.npz";
  const std::string_view input = fuzz::text_of(data + 1, size - 1);
  if (data[0] == 's' || data[0] == 'd') {
    fs::remove(file);
    if (!make_archive(file, input, data[0] == 's' ? ZIP_CM_STORE : ZIP_CM_DEFLATE)) return 0;
  } else {
    assay::detail::write_file(file, input);
  }
  fuzz::accepts([&] { assay::app::read_npz(file, "none such"); });
  std::vector<std::string> names;
  if (!fuzz::accepts([&] { names = assay::app::npz_names(file); })) return 0;
  tally.count("opened");
  assay::Values columns;
  for (const std::string& name : names) {
    fuzz::accepts([&] {
      columns.set(name, assay::app::read_npz(file, name));
      tally.count("arrays");
    });
  }
  if (columns.empty()) return 0;
  // What was read can be written, and is the same.
  const fs::path again = folder / "again.npz";
  if (!fuzz::accepts([&] { assay::app::write_npz(again, columns); })) return 0;
  for (const auto& [name, tensor] : columns) {
    const torch::Tensor back = assay::app::read_npz(again, name);
    fuzz::require(back.sizes() == tensor.sizes() && back.scalar_type() == tensor.scalar_type(),
                  "an array comes back as it was");
  }
  return 0;
}
