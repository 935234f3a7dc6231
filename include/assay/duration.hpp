// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace assay {

/// A length of time as people and schedulers write it: "90", "45s", "30m", "3h50m", "1d12h", "03:50:00", "2-12:00:00"
/// (days before a dash). Nothing for anything else.
std::optional<std::chrono::duration<double>> parse_duration(std::string_view text);

}  // namespace assay
