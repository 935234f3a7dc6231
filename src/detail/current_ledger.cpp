// SPDX-License-Identifier: Apache-2.0
#include "current_ledger.hpp"

#include "lease.hpp"

#include <assay/detail/files.hpp>

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

/// Every file that belongs to a numbered ledger, with its number: journals and unfinished copies too.
std::vector<std::pair<std::int64_t, fs::path>> files_of_ledgers(const fs::path& campaign) {
  constexpr std::string_view prefix = "ledger.", unnumbered = "ledger.sqlite";
  std::vector<std::pair<std::int64_t, fs::path>> found;
  std::error_code none;  // no folder: no ledgers
  for (const fs::directory_entry& entry : fs::directory_iterator(campaign, none)) {
    const std::string name = entry.path().filename().string();
    std::int64_t number = 0;
    if (!name.starts_with(unnumbered)) {
      if (!name.starts_with(prefix)) continue;
      const char *begin = name.data() + prefix.size(), *end = name.data() + name.size();
      const auto [rest, error] = std::from_chars(begin, end, number);
      if (error != std::errc() || *begin < '1' || *begin > '9' || rest - begin > 17) continue;
      if (!std::string_view(rest, static_cast<std::size_t>(end - rest)).starts_with(".sqlite")) continue;
    }
    found.emplace_back(number, entry.path());
  }
  return found;
}

}  // namespace

fs::path numbered_ledger(const fs::path& campaign, std::int64_t number) {
  return campaign / (number == 0 ? "ledger.sqlite" : "ledger." + std::to_string(number) + ".sqlite");
}

std::int64_t highest_ledger(const fs::path& campaign) {
  std::int64_t highest = 0;
  for (const auto& [number, file] : files_of_ledgers(campaign)) {
    if (number > highest && file == numbered_ledger(campaign, number)) highest = number;
  }
  return highest;
}

fs::path current_ledger(const fs::path& campaign) {
  const std::optional<LeaseText> lease = newest_established_lease(campaign);
  return numbered_ledger(campaign, lease ? lease->ledger : highest_ledger(campaign));
}

void remove_earlier_ledgers(const fs::path& campaign, std::int64_t current, std::int64_t kept) {
  for (const auto& [number, file] : files_of_ledgers(campaign)) {
    if (number < current && number != kept) detail::remove_all(file);
  }
}

}  // namespace assay::detail
