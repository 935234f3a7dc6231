// SPDX-License-Identifier: Apache-2.0
#include "object_store.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>

#include <algorithm>

namespace assay::store {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view suffix = ".safetensors";

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

fs::path ObjectStore::path_of(const std::string& digest) const {
  if (!is_digest(digest)) {
    throw CheckpointError({"assay.object", folder_.string(), "a SHA-256 in hexadecimal", "'" + digest + "'",
                           "the row that names this object is damaged: 'assay check' tells more"});
  }
  return folder_ / (digest + std::string(suffix));
}

std::string ObjectStore::put(std::string_view bytes) const {
  std::string digest = detail::sha256(bytes);
  const fs::path file = path_of(digest);
  detail::require_no_link(folder_);
  std::error_code missing;
  if (fs::file_size(file, missing) != bytes.size() || missing) {
    detail::make_directories_durably(folder_);
    detail::replace_file_durably(file, bytes);
  }
  return digest;
}

std::string ObjectStore::get(const std::string& digest) const {
  const fs::path file = path_of(digest);
  detail::require_no_link(folder_);
  std::string bytes = detail::read_own_file(file);
  if (detail::sha256(bytes) != digest) {
    throw CheckpointError({"assay.object", file.string(), "contents that match its name", "altered or torn contents",
                           "put back a copy of this file"});
  }
  return bytes;
}

std::vector<std::string> ObjectStore::all() const {
  std::vector<std::string> digests;
  std::error_code none;  // no folder: no objects
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, none)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(suffix) && is_digest(std::string_view(name).substr(0, name.size() - suffix.size()))) {
      digests.push_back(name.substr(0, 64));
    }
  }
  std::sort(digests.begin(), digests.end());
  return digests;
}

}  // namespace assay::store
