// SPDX-License-Identifier: Apache-2.0
#include "../round_agreement.hpp"
#include "../store/log_check.hpp"
#include "campaign_files.hpp"
#include "rebuild.hpp"

#include <assay/checkpoint.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>

#include <algorithm>
#include <optional>

namespace assay {

namespace fs = std::filesystem;

namespace {

/// Nothing is wrong with the ledger itself, and it holds all that the files under labels/ hold.
bool intact(const fs::path& campaign) {
  try {
    const Ledger ledger = tools::open_to_read(campaign);
    if (!ledger.problems().empty()) return false;
    for (const SampleId id : ledger.picked()) ledger.record(id);
    return detail::compare_round_files(campaign, ledger).more.empty();
  } catch (const std::exception&) {
    return false;  // what is wrong is in the report already
  }
}

/// `name`, or with a number behind it: a name that is free.
fs::path free_name(const fs::path& stem, const std::string& extension) {
  fs::path name;
  for (int i = 1; name.empty() || fs::exists(name); ++i) name = stem.string() + std::to_string(i) + extension;
  return name;
}

void set_aside_ledger(const fs::path& file, CheckReport& report) {
  if (!fs::exists(file)) return;
  const fs::path aside = free_name(file.parent_path() / "ledger.damaged_", ".sqlite");
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    if (fs::exists(file.string() + suffix)) fs::rename(file.string() + suffix, aside.string() + suffix);
  }
  report.repairs.push_back("the damaged ledger is in " + aside.string() + " now");
}

void rebuild(const fs::path& campaign, const detail::CampaignLock& lock, CheckReport& report) {
  const fs::path draft = campaign / "ledger.rebuilt.sqlite";
  const tools::Rebuilt rebuilt = tools::rebuild_ledger(campaign, draft);
  lock.check();
  set_aside_ledger(lock.ledger(), report);
  detail::replace_durably(draft, lock.ledger());
  report.repairs.push_back("the ledger was rebuilt: " + std::to_string(rebuilt.rounds) + " rounds, " +
                           std::to_string(rebuilt.labels) + " labels, " + std::to_string(rebuilt.from_ledger) +
                           " of them from the damaged one");
  for (const std::string& lost : rebuilt.lost) report.repairs.push_back(lost);
}

/// Checkpoints that know of more than is left: the campaign goes on from the one before them.
void set_aside_checkpoints(const fs::path& campaign, const Ledger& ledger, CheckReport& report) {
  fs::path aside;
  for (const fs::path& folder : checkpoint_folders(campaign)) {
    try {
      const std::optional<std::string> unknown = detail::unknown_to_ledger(read_checkpoint(folder).json, ledger);
      if (!unknown) continue;
      if (aside.empty()) {
        aside = free_name(campaign / "checkpoints_without_ledger_", "");
        detail::make_directories_durably(aside);
      }
      detail::rename_durably(folder, aside / folder.filename());
      report.repairs.push_back(folder.string() + " knows of " + *unknown + ": it is in " + aside.string() + " now");
    } catch (const std::exception&) {
      continue;  // a damaged one, of which the report tells; a resume passes it over
    }
  }
}

}  // namespace

CheckReport repair_campaign(const fs::path& campaign) {
  if (!fs::exists(campaign)) {
    throw CheckpointError({"assay.campaign.missing", campaign.string(), "a campaign directory", "none", ""});
  }
  const detail::CampaignLock lock(campaign, tools::storage_of_campaign(campaign), detail::Damaged::accepted);
  CheckReport repairs;
  if (store::repair_log(lock.ledger()))
    repairs.repairs.push_back("one flipped bit of the write-ahead log was turned back");
  CheckReport before = check_campaign(campaign);
  if (before.problems.empty()) {
    before.repairs = std::move(repairs.repairs);
    return before;
  }
  if (!intact(campaign)) rebuild(campaign, lock, repairs);
  {
    Ledger ledger = Ledger::open(lock.ledger(), objects_folder(campaign), tools::journal_of(campaign));
    ledger.set_guard([&] { lock.check(); });
    const detail::RoundAgreement agreement = detail::compare_round_files(campaign, ledger);
    detail::write_round_files(campaign, ledger, agreement.to_write);
    if (!agreement.to_write.empty()) {
      repairs.repairs.push_back("label files of " + std::to_string(agreement.to_write.size()) +
                                " rounds were written again");
    }
    set_aside_checkpoints(campaign, ledger, repairs);
  }
  lock.check();
  CheckReport after = check_campaign(campaign);
  after.repairs = std::move(repairs.repairs);
  return after;
}

}  // namespace assay
