// SPDX-License-Identifier: Apache-2.0
#include "rebuild.hpp"

#include "../round_agreement.hpp"
#include "campaign_files.hpp"

#include <assay/checkpoint.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace assay::tools {

namespace fs = std::filesystem;

namespace {

/// What `read` gives, or nothing where a row is damaged: whatever else is there is still good.
template <class Read>
auto intact(Read read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// What may not change, and the number of changes that checkpoints know of.
struct FromCheckpoints {
  std::string campaign_id;
  Json fixed;
  std::optional<std::int64_t> behavior;
  std::int64_t sequence = 0;
};

FromCheckpoints read_checkpoints(const fs::path& campaign) {
  FromCheckpoints found;
  for (const fs::path& folder : checkpoint_folders(campaign)) {
    intact([&] {
      const Json json = read_checkpoint(folder).json;
      found.sequence = std::max(found.sequence, json.at("ledger_sequence").get<std::int64_t>());
      if (!found.campaign_id.empty()) return true;
      found.fixed = {{"seed", json.at("seed")},
                     {"pools", json.at("pools")},
                     {"label_version", json.at("driver").value("label_version", "")},
                     {"learner", json.at("slots").at("learner")},
                     {"query", json.at("slots").at("query")}};
      found.behavior = json.value("behavior", std::int64_t{1});
      found.campaign_id = json.at("campaign").get<std::string>();
      return true;
    });
  }
  return found;
}

/// Whether the ledger's record of a sample knows all that the files' does.
bool knows_as_much(const SampleRecord& in_ledger, const SampleRecord& in_files) {
  if (in_ledger.entry.fingerprint != in_files.entry.fingerprint) return false;
  if (detail::was_withdrawn(in_ledger.attempts)) return true;
  return in_ledger.attempts.size() >= in_files.attempts.size() && (in_ledger.labels || !in_files.labels);
}

class Rebuild {
 public:
  explicit Rebuild(const fs::path& campaign)
      : campaign_(campaign), recorded_(read_round_files(campaign)), checkpoints_(read_checkpoints(campaign)) {
    // A ledger of another campaign is no source.
    ledger_ = intact([&] { return Ledger::open_damaged(ledger_file(campaign), objects_folder(campaign)); });
    if (ledger_ && !recorded_.campaign_id.empty() && ledger_->campaign_id() != recorded_.campaign_id) ledger_.reset();
  }

  Rebuilt write(const fs::path& draft) {
    take_rounds();
    for (auto& [number, round] : rounds_) {
      for (SampleRecord& sample : round.samples) complete(sample);
    }
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) detail::remove_all(draft.string() + suffix);
    std::int64_t next_place = 0, sequence = checkpoints_.sequence;
    Ledger made = Ledger::create(draft, campaign_id(), objects_folder(campaign_), configuration(), Journal::rollback,
                                 behavior());
    for (const auto& [number, round] : rounds_) {
      made.restore(number, round.strategy_state, round.samples);
      for (const SampleRecord& sample : round.samples) {
        if (sample.labels) ++rebuilt_.labels;
        if (sample.entry.integrated) next_place = std::max(next_place, *sample.entry.integrated + 1);
      }
    }
    if (ledger_) {
      if (const auto labels = intact([&] { return ledger_->archived_labels(); })) made.add_to_archive(*labels);
      else rebuilt_.lost.push_back("labels that were imported and not used yet are lost: import them again");
      for (const auto& [round, seconds] : intact([&] { return ledger_->recorded_seconds(); }).value_or(Times()))
        made.record_seconds(round, seconds);
      sequence = std::max(sequence, intact([&] { return ledger_->sequence(); }).value_or(0));
      next_place = std::max(next_place, intact([&] { return ledger_->next_place(); }).value_or(0));
    }
    made.add_to_archive(recorded_.unclaimed);
    made.restore_counters(sequence, next_place);
    rebuilt_.rounds = static_cast<std::int64_t>(rounds_.size());
    return std::move(rebuilt_);
  }

 private:
  using Times = std::vector<std::pair<std::int64_t, double>>;

  std::string campaign_id() const {
    for (const std::string& id : {recorded_.campaign_id, checkpoints_.campaign_id}) {
      if (!id.empty()) return id;
    }
    if (ledger_) return ledger_->campaign_id();
    throw CheckpointError({"assay.repair.nothing", campaign_.string(), "label files or a checkpoint to rebuild from",
                           "none that is intact", "put back a copy of the ledger"});
  }

  std::string configuration() const {
    if (const auto found = intact([&] { return ledger_.value().configuration(); })) return *found;
    return checkpoints_.fixed.is_null() ? "{}" : checkpoints_.fixed.dump();
  }

  std::int64_t behavior() const {
    if (const auto found = intact([&] { return ledger_.value().behavior(); })) return *found;
    if (recorded_.behavior) return *recorded_.behavior;
    return checkpoints_.behavior.value_or(Ledger::current_behavior);
  }

  /// Rounds that the files hold, and those that only the ledger does.
  void take_rounds() {
    for (RecordedRounds::Round& round : recorded_.rounds) rounds_.emplace(round.round, std::move(round));
    if (!ledger_) return;
    const std::int64_t last = intact([&] { return ledger_->last_round(); }).value_or(-1);
    for (std::int64_t number = 0; number <= last; ++number) {
      if (rounds_.contains(number)) continue;
      const auto ids = intact([&] { return ledger_->picked(number, number); });
      if (!ids || (ids->empty() && number == 0)) continue;
      RecordedRounds::Round round{.round = number, .strategy_state = {}, .samples = {}};
      if (const auto batch = intact([&] { return ledger_->batch(number); }); batch && *batch) {
        round.strategy_state = (*batch)->strategy_state;
      } else {
        rebuilt_.lost.push_back("round " + std::to_string(number) + ": the state of its query strategy is lost");
      }
      for (const SampleId id : *ids) {
        if (auto record = intact([&] { return ledger_->record(id); })) {
          if (record->labels) ++rebuilt_.from_ledger;
          taken_.insert(id);
          round.samples.push_back(std::move(*record));
        } else {
          rebuilt_.lost.push_back("sample " + std::to_string(id) + " of round " + std::to_string(number) +
                                  ": it stands in no file, and its row is damaged");
        }
      }
      rounds_.emplace(number, std::move(round));
    }
  }

  /// What the ledger knows of a sample beyond the files.
  void complete(SampleRecord& sample) {
    if (!ledger_ || taken_.contains(sample.entry.id)) return;
    auto record = intact([&] { return ledger_->record(sample.entry.id); });
    if (!record) {
      if (!sample.labels) {
        rebuilt_.lost.push_back("sample " + std::to_string(sample.entry.id) +
                                ": its row is damaged and no file holds its label: it is simulated again");
      }
      return;
    }
    if (!knows_as_much(*record, sample)) return;
    if (record->labels && !sample.labels) ++rebuilt_.from_ledger;
    if (record->labels && !record->entry.integrated) {  // it was folded in since
      record->entry.integrated = sample.entry.integrated;
      record->entry.integrated_in = sample.entry.integrated_in;
    }
    sample = std::move(*record);
  }

  const fs::path& campaign_;
  RecordedRounds recorded_;
  FromCheckpoints checkpoints_;
  std::optional<Ledger> ledger_;
  std::map<std::int64_t, RecordedRounds::Round> rounds_;
  std::set<SampleId> taken_;
  Rebuilt rebuilt_;
};

}  // namespace

Rebuilt rebuild_ledger(const fs::path& campaign, const fs::path& draft) { return Rebuild(campaign).write(draft); }

}  // namespace assay::tools
