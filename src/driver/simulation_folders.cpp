// SPDX-License-Identifier: Apache-2.0
#include "simulation_folders.hpp"

#include "../detail/current_ledger.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <mutex>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

constexpr const char* inside = "simulations";
constexpr const char* owner_file = "campaign";  // in a folder under scratch: whose it is

std::string name_of(SampleId id, int attempt) {
  char name[48];
  std::snprintf(name, sizeof name, "%08lld_%d", static_cast<long long>(id), attempt);
  return name;
}

void require_plain(const std::string& campaign_id) {
  const bool plain = !campaign_id.empty() && std::all_of(campaign_id.begin(), campaign_id.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
  if (plain) return;
  throw CheckpointError({"assay.ledger.id", "ledger", "a campaign id of letters, digits, '-' and '_'",
                         "'" + campaign_id + "'", "a folder under 'scratch' is named by it"});
}

}  // namespace

SimulationFolders::SimulationFolders(const fs::path& campaign, const fs::path& scratch, const std::string& campaign_id)
    : campaign_(fs::weakly_canonical(fs::absolute(campaign))), campaign_id_(campaign_id) {
  if (scratch.empty()) {
    own_ = campaign_ / inside;
    require_no_link(own_);
    return;
  }
  require_plain(campaign_id_);
  scratch_ = fs::absolute(scratch).lexically_normal();
  if (!scratch_.has_filename()) scratch_ = scratch_.parent_path();
  own_ = scratch_ / (campaign_id_ + "-" + sha256(campaign_.string()).substr(0, 12));
}

fs::path SimulationFolders::directory(SampleId id, int attempt) const {
  if (!scratch_.empty()) {
    static std::mutex first;  // of the threads that start simulations
    const std::lock_guard lock(first);
    if (!fs::exists(own_ / owner_file)) {
      make_directories_durably(own_);
      replace_file_durably(own_ / owner_file, campaign_.string() + "\n");
    }
  }
  return own_ / name_of(id, attempt);
}

std::string SimulationFolders::in_ledger(const fs::path& directory) const {
  return scratch_.empty() ? directory.lexically_relative(campaign_).string() : directory.string();
}

std::optional<fs::path> SimulationFolders::find(SampleId id, int attempt, const std::string& in_ledger) const {
  const fs::path recorded(in_ledger), folder = recorded.parent_path();
  const std::string name = name_of(id, attempt);
  if (recorded.filename() != name) return std::nullopt;
  // Versions before this one recorded these as the program was given the campaign's path.
  if (folder.filename() == inside) {
    require_no_link(campaign_ / inside);
    return campaign_ / inside / name;
  }
  if (scratch_.empty() || folder.parent_path() != scratch_) return std::nullopt;
  if (folder != own_ && !is_taken_over(folder)) return std::nullopt;
  return folder / name;
}

/// Whether a folder under `scratch` was this campaign's before it was moved.
bool SimulationFolders::is_taken_over(const fs::path& folder) const {
  if (!folder.filename().string().starts_with(campaign_id_ + "-")) return false;
  try {
    std::string owner = read_own_file(folder / owner_file);
    while (!owner.empty() && owner.back() == '\n') owner.pop_back();
    std::error_code error;
    if (owner != campaign_.string() && fs::exists(current_ledger(owner), error)) return false;
    replace_file_durably(folder / owner_file, campaign_.string() + "\n");
    return true;
  } catch (const CheckpointError&) {  // nobody's, or gone
    return false;
  }
}

}  // namespace assay::detail
