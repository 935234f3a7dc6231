// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/config.hpp>

#include <filesystem>
#include <span>
#include <string>

namespace assay::detail {

/// Starts a campaign in a directory, for those who ask and tell: "driver/dir" and "label" may be left out.
/// \param folder from which relative paths are taken. Errors: as `load_campaign`.
AnyDriver start_configured(const std::filesystem::path& directory, Json configuration,
                           const std::filesystem::path& folder, const Registries& registries);
/// The same of a file, whose folder it is.
AnyDriver start_asked_campaign(const std::filesystem::path& directory, const std::filesystem::path& config_file,
                               const Registries& registries);

/// What told numbers become: of the target's shape and floating-point dtype, where labels are there already and as many
/// numbers came.
/// \param known `Driver::target_schema`.
torch::Tensor told_target(const Schema& known, const std::string& name, torch::Tensor numbers);

/// The numbers of all targets one behind the other, as labels. Before there are any labels, each target is one number,
/// or all of them belong to the only one. Errors: `ShapeError` `assay.label.count`, with how many numbers each target
/// has.
Values told_labels(const AnyDriver& driver, std::span<const double> numbers);

}  // namespace assay::detail
