// SPDX-License-Identifier: Apache-2.0
#include "round_agreement.hpp"

#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/phase.hpp>
#include <assay/round_files.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace assay::detail {

namespace fs = std::filesystem;

namespace {

/// Of a file's contents; nothing where there is none that can be read.
std::optional<std::string> digest_of(const fs::path& file) {
  std::error_code none;
  if (!fs::exists(fs::symlink_status(file, none))) return std::nullopt;
  try {
    return sha256(read_own_file(file));
  } catch (const CheckpointError&) {
    return "unreadable";
  }
}

/// Whether every file is there, and as the ledger remembers it.
bool are_as_written(const fs::path& campaign, const Ledger& ledger) {
  std::set<std::int64_t> rounds;
  for (const RoundKind kind : {RoundKind::picks, RoundKind::labels}) {
    for (const std::int64_t round : rounds_on_disk(campaign, kind)) rounds.insert(round);
  }
  for (std::int64_t round = 0; round <= ledger.last_round(); ++round) rounds.insert(round);
  for (const std::int64_t round : rounds) {
    const RoundFileDigests known = ledger.round_files(round);
    const auto same = [&](RoundKind kind, const std::string& digest) {
      return digest_of(round_file(campaign, kind, round)).value_or("") == digest;
    };
    if (!same(RoundKind::picks, known.picks) || !same(RoundKind::labels, known.labels)) return false;
  }
  return true;
}

class Comparison {
 public:
  Comparison(const fs::path& campaign, const Ledger& ledger)
      : campaign_(campaign), ledger_(ledger), recorded_(read_round_files(campaign)) {}

  RoundAgreement result() {
    if (!recorded_.campaign_id.empty() && recorded_.campaign_id != ledger_.campaign_id()) {
      agreement_.more.push_back("labels/: files of campaign " + recorded_.campaign_id + ", the ledger is of " +
                                ledger_.campaign_id());
      return std::move(agreement_);
    }
    for (const RecordedRounds::Round& round : recorded_.rounds) look_at(round);
    look_for_what_is_missing();
    for (const std::int64_t round : rounds_on_disk(campaign_, RoundKind::picks)) {
      if (round > ledger_.last_round())
        more(round_file(campaign_, RoundKind::picks, round).string() + ": of a round that the ledger does not know");
    }
    for (const ArchivedLabel& label : recorded_.unclaimed) {
      if (!ledger_.can_answer(label.fingerprint)) more(label.source + ": of a sample that the ledger does not know");
    }
    for (const std::string& problem : recorded_.problems) agreement_.stale.push_back(problem);
    return std::move(agreement_);
  }

 private:
  void more(std::string line) { agreement_.more.push_back(std::move(line)); }
  void write(std::int64_t round, std::string why) {
    if (agreement_.to_write.insert(round).second) agreement_.stale.push_back(std::move(why));
  }

  void look_at(const RecordedRounds::Round& round) {
    const std::optional<CommittedBatch> batch = ledger_.batch(round.round);
    if (!batch) return;  // said in `result`
    seen_.insert(round.round);
    const bool same_picks = batch->entries.size() == round.samples.size() &&
                            batch->strategy_state.json == round.strategy_state.json &&
                            std::equal(batch->entries.begin(), batch->entries.end(), round.samples.begin(),
                                       [](const LedgerEntry& a, const SampleRecord& b) {
                                         return a.id == b.entry.id && a.rank == b.entry.rank &&
                                                a.fingerprint == b.entry.fingerprint;
                                       });
    if (!same_picks) write(round.round, name(RoundKind::picks, round.round) + ": other picks than the ledger's");
    for (const SampleRecord& sample : round.samples) look_at(sample);
  }

  void look_at(const SampleRecord& in_file) {
    const std::optional<LedgerEntry> entry = ledger_.find(in_file.entry.id);
    if (!entry) return;  // among other picks
    const std::string who = "sample " + std::to_string(entry->id);
    if (!in_file.labels) {
      if (in_file.entry.attempts > entry->attempts) more(who + ": the files know of more attempts than the ledger");
      return;
    }
    in_files_.insert(entry->id);
    const std::int64_t round = in_file.entry.integrated_in.value_or(entry->round);
    if (entry->state == SampleState::done) {
      const std::string digest = fingerprint(*in_file.labels);
      if (digest == fingerprint(ledger_.labels(entry->id))) return;
      if (was_withdrawn(ledger_.attempts(entry->id)) || !ledger_.round_files(round).labels.empty()) {
        write(round, name(RoundKind::labels, round) + ": another label of " + who + " than the ledger's");
      } else {
        more(who + ": the label in labels/ is another than the ledger's");
      }
    } else if (was_withdrawn(ledger_.attempts(entry->id))) {
      write(round, name(RoundKind::labels, round) + ": holds a label of " + who + " that was withdrawn");
    } else {
      more(who + ": its label stands in labels/ and not in the ledger");
    }
  }

  void look_for_what_is_missing() {
    for (std::int64_t round = 0; round <= ledger_.last_round(); ++round) {
      if (!seen_.contains(round) && ledger_.batch(round))
        write(round, name(RoundKind::picks, round) + ": missing, damaged, or misplaced");
    }
    for (const SampleId id : ledger_.integrated(0)) {
      const std::int64_t round = *ledger_.entry(id).integrated_in;
      if (!in_files_.contains(id))
        write(round, name(RoundKind::labels, round) + ": missing, damaged, or without some of its labels");
    }
    // Not a label is missing, but the file is not the one that was written.
    for (std::int64_t round = 0; round <= ledger_.last_round(); ++round) {
      const RoundFileDigests known = ledger_.round_files(round);
      const auto altered = [&](RoundKind kind, const std::string& digest) {
        return !digest.empty() && digest_of(round_file(campaign_, kind, round)) != digest;
      };
      if (altered(RoundKind::picks, known.picks))
        write(round, name(RoundKind::picks, round) + ": not as it was written");
      if (altered(RoundKind::labels, known.labels))
        write(round, name(RoundKind::labels, round) + ": not as it was written");
    }
  }

  std::string name(RoundKind kind, std::int64_t round) const { return round_file(campaign_, kind, round).string(); }

  const fs::path& campaign_;
  const Ledger& ledger_;
  RecordedRounds recorded_;
  RoundAgreement agreement_;
  std::set<std::int64_t> seen_;
  std::set<SampleId> in_files_;
};

}  // namespace

bool was_withdrawn(std::span<const LedgerAttempt> attempts) {
  return std::any_of(attempts.begin(), attempts.end(), [](const LedgerAttempt& attempt) {
    // One that was copied or imported was no simulation, and keeps its outcome.
    const bool answered = attempt.outcome == "copied" || attempt.outcome == "imported";
    return attempt.outcome == "withdrawn" || (answered && attempt.refused);
  });
}

RoundAgreement compare_round_files(const fs::path& campaign, const Ledger& ledger) {
  if (are_as_written(campaign, ledger)) return {};
  return Comparison(campaign, ledger).result();
}

std::optional<std::string> unknown_to_ledger(const Json& checkpoint, const Ledger& ledger) {
  if (checkpoint.at("campaign") != ledger.campaign_id()) return "campaign " + checkpoint.at("campaign").dump();
  const auto sequence = integer_from_json<std::int64_t>(checkpoint.at("ledger_sequence"));
  if (sequence > ledger.sequence()) {
    return "change " + std::to_string(sequence) + " (it has " + std::to_string(ledger.sequence()) + ")";
  }
  const auto integrated = integer_from_json<std::int64_t>(checkpoint.at("integrated"));
  if (integrated > ledger.next_place()) {
    return "integrated label " + std::to_string(integrated) + " (it has " + std::to_string(ledger.next_place()) + ")";
  }
  const Json& position = checkpoint.at("position");
  const Phase phase = phase_from_string(position.at("phase").get<std::string>());
  const auto round = integer_from_json<std::int64_t>(position.at("round")) - (phase > Phase::query ? 0 : 1);
  const bool finished = !position.at("finished_by").get<std::string>().empty();
  // A campaign may end without having chosen in its last rounds.
  if (!finished && round > ledger.last_round() && round > 0) {
    return "round " + std::to_string(round) + " (its last is " + std::to_string(ledger.last_round()) + ")";
  }
  return std::nullopt;
}

void write_round_files(const fs::path& campaign, Ledger& ledger, const std::set<std::int64_t>& rounds) {
  for (const std::int64_t round : rounds) {
    if (ledger.batch(round)) ledger.record_picks_file(round, write_picks_file(campaign, ledger, round));
    if (!ledger.integrated_in(round).empty() || !ledger.round_files(round).labels.empty())
      ledger.record_labels_file(round, write_labels_file(campaign, ledger, round));
  }
}

}  // namespace assay::detail
