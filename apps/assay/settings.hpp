// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/json.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace assay::app {

/// Adds the option `--set /driver/max_rounds=8`: a JSON pointer into the configuration, and the value there.
void add_settings(CLI::App* command, std::vector<std::string>& settings);

/// Changes a configuration by what was given with `--set`. A value that is no JSON is a text.
/// Errors: `ConfigError` `assay.set` for what is no pointer and value, for a place below a number or a text, and for
/// what the command line says otherwise (the directory).
void apply_settings(const std::vector<std::string>& settings, Json& configuration);

}  // namespace assay::app
