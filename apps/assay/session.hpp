// SPDX-License-Identifier: Apache-2.0
// What the commands share that open a campaign to work on it.
#pragma once

#include <assay/config.hpp>

#include <filesystem>
#include <string>

namespace assay::app {

/// What schedulers send before they end a job, Ctrl-C, and the end of the terminal stop a campaign so that it can be
/// resumed, with nothing left running. What this process was told to ignore, as by nohup, it goes on ignoring.
void stop_on_signals(AnyDriver& driver);

/// Whether the campaign's own `campaign.json` is enough to go on with it: a program with pools of its own is not
/// needed.
bool continues_from_shell(const std::filesystem::path& campaign);

/// Whether nothing simulates for the campaign: its samples are asked for, and told.
bool is_told(const std::filesystem::path& campaign);

/// What to do with a campaign that has samples to simulate and nothing that simulates.
std::string how_to_tell(const std::filesystem::path& campaign);

}  // namespace assay::app
