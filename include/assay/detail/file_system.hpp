// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/storage.hpp>

#include <filesystem>

namespace assay::detail {

/// `wanted`, or, where that is `automatic`, what the file system of `path` (or of its nearest parent that exists) is.
/// A file system that is not known to be local counts as shared if it is served by another program or host.
Storage storage_of(const std::filesystem::path& path, Storage wanted);
/// True where the mount of `path` was told to go on with what it has read although others have written since.
bool may_read_stale(const std::filesystem::path& path);

}  // namespace assay::detail
