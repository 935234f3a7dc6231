// SPDX-License-Identifier: Apache-2.0
// Leases of made-up hosts.
#pragma once

#include "../../src/detail/lease.hpp"
#include "age.hpp"
#include "catch.hpp"
#include "error_id.hpp"
#include "folder.hpp"

#include <assay/detail/files.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace leases {

using assay::detail::Holder;
using assay::detail::LeaseRules;
using assay::detail::LeaseState;
using assay::detail::LeaseText;
using Place = temporary::Folder;

/// A process of a made-up host. Nobody is known to be dead unless a test says so.
inline LeaseRules from(const std::string& host, long process = 7) {
  return {.me = {.host = host, .process = process, .started = "1", .boot = "boot of " + host, .space = "pid:[1]"},
          .dead = [](const Holder&) { return false; }};
}

inline LeaseText text_of(const std::filesystem::path& file) {
  const std::optional<assay::detail::LeaseFile> lease = assay::detail::LeaseFile::open(file);
  REQUIRE(lease);
  const std::optional<LeaseText> text = lease->read();
  REQUIRE(text);
  return *text;
}

/// A holder that is gone without a word: its lease says that it holds ledger `ledger`.
inline void leave_behind(const std::filesystem::path& directory, std::int64_t generation, const Holder& holder,
                         std::int64_t ledger = 0, LeaseState state = LeaseState::held, std::int64_t after = 0) {
  assay::detail::write_file_durably(
      assay::detail::lease_file(directory, generation),
      to_string(LeaseText{.state = state, .ledger = ledger, .after = after, .holder = holder}));
}

}  // namespace leases
