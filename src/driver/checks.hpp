// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_metrology.hpp>
#include <assay/data/schema.hpp>
#include <assay/driver_options.hpp>
#include <assay/error.hpp>
#include <assay/learner/capability.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace assay::detail {

/// What keeps the parts of a driver from working together, each problem under `where` it stands.
std::vector<ErrorParts> capability_problems(const std::string& where, CapabilitySet required, CapabilitySet provided);
std::vector<ErrorParts> provides_problems(const std::string& where, const std::vector<std::string>& targets,
                                          const std::vector<std::string>& provides);
std::vector<ErrorParts> option_problems(const DriverOptions& options);

/// Throws `ShapeError` `assay.values.empty` for a field without a single number: nothing can be learned of it.
/// \param where names the sample in the message.
void require_numbers(const Values& sample, std::string_view where);

/// Throws `ConfigError` unless there are none.
void require_none(std::vector<ErrorParts> problems);

/// Stop criteria on metrics that nothing measures, as far as the names are known.
std::vector<ErrorParts> metric_problems(const DriverOptions& options, const AnyMetrology& metrology,
                                        const std::vector<std::string>& targets, const Pools& pools);

}  // namespace assay::detail
