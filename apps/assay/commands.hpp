// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay::app {

/// Prints where a campaign stands; works while another process runs it.
void show(const std::filesystem::path& campaign, bool json);
/// Prints every registered key with its options.
void strategies(bool json);

struct SelectArguments {
  std::string method, pool, train, pending, weight, cost, memory, out, device = "cpu";
  std::vector<std::string> options;
  std::int64_t count = 1;
  std::uint64_t seed = 0;
  int threads = 0;
  bool json = false, plan = false;
};
/// Chooses rows of a file of features.
void select(const SelectArguments& arguments);

}  // namespace assay::app
