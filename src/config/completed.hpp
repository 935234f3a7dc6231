// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

#include <filesystem>

namespace assay::detail {

/// A configuration as it holds from any working directory: relative paths of pools, and of the program, its version and
/// its templates in "label", are taken from `folder`, and `{{folder}}` in the words of a command stands for it. A name
/// of a program without a slash is looked for where the system looks.
Json with_absolute_paths(Json configuration, const std::filesystem::path& folder);

/// A configuration whose "label" of a program knows the names of the categories that its pools' spaces have, where it
/// does not say them itself.
Json with_category_names(Json configuration);

}  // namespace assay::detail
