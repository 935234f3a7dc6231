// SPDX-License-Identifier: Apache-2.0
#include "archives.hpp"

#include <assay/data/npy.hpp>
#include <assay/error.hpp>

#include <zip.h>

#include <algorithm>
#include <memory>

namespace assay::app {

namespace {

using Archive = std::unique_ptr<zip_t, decltype(&zip_discard)>;

[[noreturn]] void npz_failed(const std::filesystem::path& file, std::string expected, std::string got) {
  throw DataError({"assay.npz", file.string(), std::move(expected), std::move(got), ""});
}

Archive open_archive(const std::filesystem::path& file, int flags, const char* expected) {
  int code = 0;
  Archive archive(zip_open(file.c_str(), flags, &code), &zip_discard);
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  npz_failed(file, expected, text);
}

Archive open_to_read(const std::filesystem::path& file) {
  return open_archive(file, ZIP_RDONLY, "a zip file of .npy arrays");
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text.empty() ? "no array" : text;
}

/// An entry, unpacked. Memory is taken as the bytes come: what an entry says of its size may be wrong.
std::string bytes_of(zip_t* archive, zip_uint64_t entry, const std::filesystem::path& file, const std::string& name) {
  constexpr zip_uint64_t most_packed = 1032;  // bytes that deflate makes of one
  constexpr zip_uint64_t piece = zip_uint64_t{1} << 20;
  const auto damaged = [&] { npz_failed(file, "readable entries", "'" + name + "' is damaged"); };
  zip_stat_t stat;
  if (zip_stat_index(archive, entry, 0, &stat) != 0 || (stat.valid & ZIP_STAT_SIZE) == 0 ||
      stat.size / most_packed > stat.comp_size + 1)
    damaged();
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> opened(zip_fopen_index(archive, entry, 0), &zip_fclose);
  if (!opened) damaged();
  std::string bytes;
  while (bytes.size() < stat.size) {
    const std::size_t before = bytes.size();
    bytes.resize(before + std::min<zip_uint64_t>(piece, stat.size - before));
    const zip_int64_t count = zip_fread(opened.get(), bytes.data() + before, bytes.size() - before);
    if (count <= 0) damaged();
    bytes.resize(before + static_cast<std::size_t>(count));
  }
  return bytes;
}

}  // namespace

std::vector<std::string> npz_names(const std::filesystem::path& file) {
  const Archive archive = open_to_read(file);
  std::vector<std::string> names;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
    const char* name = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    if (!name) npz_failed(file, "readable entries", "a damaged one");
    const std::string entry = name;
    names.push_back(entry.ends_with(".npy") ? entry.substr(0, entry.size() - 4) : entry);
  }
  return names;
}

torch::Tensor read_npz(const std::filesystem::path& file, const std::string& name) {
  const Archive archive = open_to_read(file);
  zip_int64_t entry = zip_name_locate(archive.get(), (name + ".npy").c_str(), 0);
  if (entry < 0) entry = zip_name_locate(archive.get(), name.c_str(), 0);
  if (entry < 0) npz_failed(file, "an array '" + name + "'", listed(npz_names(file)));
  return from_npy(bytes_of(archive.get(), static_cast<zip_uint64_t>(entry), file, name), file / name);
}

void write_npz(const std::filesystem::path& file, const Values& columns) {
  std::vector<std::pair<std::string, std::string>> entries;  // alive until the archive is closed
  for (const auto& [name, tensor] : columns) entries.emplace_back(name + ".npy", to_npy(tensor));
  Archive archive = open_archive(file, ZIP_CREATE | ZIP_TRUNCATE, "to write it");
  for (const auto& [name, bytes] : entries) {
    zip_source_t* source = zip_source_buffer(archive.get(), bytes.data(), bytes.size(), 0);
    const zip_int64_t index = source ? zip_file_add(archive.get(), name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0 || zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) != 0)
      npz_failed(file, "to write it", zip_strerror(archive.get()));
  }
  if (zip_close(archive.get()) != 0) npz_failed(file, "to write it", zip_strerror(archive.get()));
  archive.release();  // closed
}

}  // namespace assay::app
