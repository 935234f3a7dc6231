// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

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

/// The ledger as far as it can be read; nothing if it cannot be opened.
std::optional<Ledger> readable(const fs::path& campaign) {
  try {
    return Ledger::open_read_only(tools::ledger_file(campaign), objects_folder(campaign));
  } catch (const std::exception&) {
    return std::nullopt;  // that it is damaged is in the report already
  }
}

bool intact(const fs::path& campaign) {
  const std::optional<Ledger> ledger = readable(campaign);
  if (!ledger) return false;
  try {
    if (!ledger->integrity_problems().empty()) return false;
    for (const SampleId id : ledger->picked()) ledger->record(id);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// Labels that are not in the files yet, as far as the damaged ledger still gives them.
std::int64_t salvage(const fs::path& campaign, std::vector<RecordedRounds::Round>& rounds) {
  const std::optional<Ledger> damaged = readable(campaign);
  if (!damaged) return 0;
  std::int64_t saved = 0;
  for (RecordedRounds::Round& round : rounds) {
    for (SampleRecord& sample : round.samples) {
      if (sample.entry.state == SampleState::done) continue;
      try {
        SampleRecord record = damaged->record(sample.entry.id);
        if (record.entry.fingerprint != sample.entry.fingerprint || !record.labels) continue;
        sample.labels = std::move(record.labels);
        sample.attempts = std::move(record.attempts);
        sample.entry.attempts = static_cast<int>(sample.attempts.size());
        sample.entry.state = SampleState::done;
        ++saved;
      } catch (const std::exception&) {
        // This one is gone: its sample is simulated again.
      }
    }
  }
  return saved;
}

/// What may not change, and the number of changes that checkpoints know of.
struct FromCheckpoints {
  std::string campaign_id;
  Json fixed = Json::object();
  std::int64_t sequence = 0;
};

FromCheckpoints read_checkpoints(const fs::path& campaign) {
  FromCheckpoints found;
  for (const fs::path& folder : checkpoint_folders(campaign)) {
    try {
      const Json json = read_checkpoint(folder).json;
      found.sequence = std::max(found.sequence, json.at("ledger_sequence").get<std::int64_t>());
      if (!found.campaign_id.empty()) continue;
      found.campaign_id = json.at("campaign").get<std::string>();
      found.fixed = {{"seed", json.at("seed")},
                     {"pools", json.at("pools")},
                     {"label_version", json.at("driver").value("label_version", "")},
                     {"learner", json.at("slots").at("learner")},
                     {"query", json.at("slots").at("query")}};
    } catch (const std::exception&) {
      continue;  // a damaged one, of which the report tells
    }
  }
  return found;
}

void set_aside(const fs::path& campaign, CheckReport& report) {
  const fs::path file = tools::ledger_file(campaign);
  if (!fs::exists(file)) return;
  fs::path aside;
  for (int i = 1; aside.empty() || fs::exists(aside); ++i) {
    aside = campaign / ("ledger.damaged_" + std::to_string(i) + ".sqlite");
  }
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    if (fs::exists(file.string() + suffix)) fs::rename(file.string() + suffix, aside.string() + suffix);
  }
  report.repairs.push_back("the damaged ledger is in " + aside.string() + " now");
}

void rebuild(const fs::path& campaign, CheckReport& report) {
  RecordedRounds recorded = read_round_files(campaign);
  const FromCheckpoints checkpoints = read_checkpoints(campaign);
  const std::string id = recorded.campaign_id.empty() ? checkpoints.campaign_id : recorded.campaign_id;
  if (id.empty()) {
    throw CheckpointError({"assay.repair.nothing", campaign.string(), "label files or a checkpoint to rebuild from",
                           "none that is intact", "put back a copy of the ledger"});
  }
  const std::int64_t saved = salvage(campaign, recorded.rounds);
  const fs::path draft = campaign / "ledger.rebuilt.sqlite";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) detail::remove_all(draft.string() + suffix);
  std::int64_t labels = 0;
  {
    Ledger ledger = Ledger::create(draft, id, objects_folder(campaign), checkpoints.fixed.dump(), Journal::rollback);
    for (const RecordedRounds::Round& round : recorded.rounds) {
      ledger.restore(round.round, round.strategy_state, round.samples);
      for (const SampleRecord& sample : round.samples) labels += sample.labels ? 1 : 0;
    }
    ledger.restore_sequence(checkpoints.sequence);
  }
  set_aside(campaign, report);
  detail::replace_durably(draft, tools::ledger_file(campaign));
  report.repairs.push_back("the ledger was rebuilt: " + std::to_string(recorded.rounds.size()) + " rounds, " +
                           std::to_string(labels) + " labels, " + std::to_string(saved) +
                           " of them from the damaged one");
}

/// Label files that are missing or damaged, from the ledger.
void rewrite_round_files(const fs::path& campaign, CheckReport& report) {
  const Ledger ledger = tools::open_to_read(campaign);
  const RecordedRounds recorded = read_round_files(campaign);
  const bool complete = recorded.problems.empty() && recorded.campaign_id == ledger.campaign_id();
  std::int64_t written = 0;
  for (std::int64_t round = 0; round <= ledger.last_round(); ++round) {
    const auto found = std::find_if(recorded.rounds.begin(), recorded.rounds.end(),
                                    [&](const RecordedRounds::Round& r) { return r.round == round; });
    const bool there = complete && found != recorded.rounds.end() &&
                       std::all_of(found->samples.begin(), found->samples.end(), [&](const SampleRecord& sample) {
                         return sample.labels || !ledger.entry(sample.entry.id).integrated;
                       });
    if (!there && ledger.batch(round)) {
      write_picks_file(campaign, ledger, round, /*again=*/true);
      if (!ledger.integrated_in(round).empty()) write_labels_file(campaign, ledger, round);
      ++written;
    }
  }
  if (written > 0) report.repairs.push_back("label files of " + std::to_string(written) + " rounds were written again");
}

}  // namespace

CheckReport repair_campaign(const fs::path& campaign) {
  if (!fs::exists(campaign)) {
    throw CheckpointError({"assay.campaign.missing", campaign.string(), "a campaign directory", "none", ""});
  }
  const detail::CampaignLock lock(campaign);
  CheckReport before = check_campaign(campaign);
  if (before.problems.empty()) return before;
  CheckReport repairs;
  if (!intact(campaign)) rebuild(campaign, repairs);
  rewrite_round_files(campaign, repairs);
  CheckReport after = check_campaign(campaign);
  after.repairs = std::move(repairs.repairs);
  return after;
}

}  // namespace assay
