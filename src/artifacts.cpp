// SPDX-License-Identifier: Apache-2.0
#include <assay/artifacts.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <string>
#include <system_error>

namespace assay {

std::filesystem::path ArtifactFolders::folder(std::string_view name) const {
  if (root_.empty()) {
    throw ConfigError({"assay.artifacts", "artifacts of '" + std::string(name) + "'", "a campaign with a directory",
                       "a context that no driver made", "set `artifacts` of the inputs, as the driver does"});
  }
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos) {
    throw ConfigError({"assay.artifacts", root_.string(), "a name without '/', as a strategy's key",
                       "'" + std::string(name) + "'", ""});
  }
  std::filesystem::path folder = root_ / name;
  // A link that lies there would lead what strategies write out of the campaign.
  for (const std::filesystem::path& own : {root_.parent_path(), root_, folder}) detail::require_no_link(own);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw DataError({"assay.artifacts", folder.string(), "a folder that can be made", error.message(),
                     "see to the campaign directory's permissions and free space"});
  }
  return folder;
}

}  // namespace assay
