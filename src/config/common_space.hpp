// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/detail/config_reader.hpp>
#include <assay/driver_options.hpp>

#include <optional>

namespace assay::detail {

/// The pools of a whole configuration, where one that is drawn from a space and names none has that of "/space".
/// Reports pools whose variables contradict it: another unit, kind or category, a range beyond it. Without a common
/// space pools are compared with each other: units, kinds, categories, and ranges that have nothing in common. \return
/// nothing for a common space that cannot be used, which is reported.
std::optional<Json> pools_with_space(const ConfigReader& whole);

/// Reports the first sample of each pool and variable that lies outside the common space: of pools from files. Cost: a
/// pass over the pools.
void report_outside(const ConfigReader& whole, const Pools& pools);

}  // namespace assay::detail
