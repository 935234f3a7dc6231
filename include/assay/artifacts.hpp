// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

namespace assay {

/// Where strategies keep files of their own, each in a folder under its name: plots, tables, trajectories.
///
/// assay never reads, changes or removes what is there; after a kill the files of the phase that is gone through again
/// are written again, so name them by the round.
class ArtifactFolders {
 public:
  ArtifactFolders() = default;
  explicit ArtifactFolders(std::filesystem::path root) : root_(std::move(root)) {}

  /// `name`'s folder, made if it is not there. \param name one part of a path, as a rule the strategy's key.
  /// Errors: `ConfigError` `assay.artifacts` for another name, or where there is no campaign directory; `DataError`
  /// `assay.artifacts` if the folder can't be made.
  std::filesystem::path folder(std::string_view name) const;

 private:
  std::filesystem::path root_;
};

}  // namespace assay
