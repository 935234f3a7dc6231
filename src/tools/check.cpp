// SPDX-License-Identifier: Apache-2.0
#include "../ledger/object_store.hpp"
#include "campaign_files.hpp"

#include <assay/checkpoint.hpp>
#include <assay/data/values.hpp>
#include <assay/detail/content.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>

#include <algorithm>
#include <unordered_map>

namespace assay {

namespace fs = std::filesystem;

namespace {

void check_objects(const fs::path& campaign, const Ledger& ledger, CheckReport& report) {
  const detail::ObjectStore objects(objects_folder(campaign));
  const std::vector<std::string> used = ledger.objects_in_use();
  for (const std::string& digest : used) {
    try {
      objects.get(digest);
    } catch (const std::exception& error) {
      report.problems.push_back(error.what());
    }
  }
  for (const std::string& digest : objects.all()) {
    if (std::binary_search(used.begin(), used.end(), digest)) continue;
    report.notes.push_back(objects.path_of(digest).string() + ": no row refers to it (a crash before its row)");
  }
}

void check_rows(const Ledger& ledger, CheckReport& report) {
  const std::string label_version = detail::label_version_of(ledger);
  for (const LedgerEntry& entry : ledger.entries()) {
    try {
      if (detail::content_of(ledger.inputs(entry.id), label_version) != entry.fingerprint) {
        report.problems.push_back("ledger, sample " + std::to_string(entry.id) +
                                  ": inputs do not match their fingerprint");
      }
      if (entry.state == SampleState::done) {
        ledger.labels(entry.id);
        ++report.labels;
      }
    } catch (const std::exception& error) {
      report.problems.push_back(error.what());
    }
  }
}

/// Label files against the ledger: what both say must be the same.
void check_round_files(const fs::path& campaign, const Ledger& ledger, CheckReport& report) {
  const RecordedRounds recorded = read_round_files(campaign);
  report.problems.insert(report.problems.end(), recorded.problems.begin(), recorded.problems.end());
  if (!recorded.campaign_id.empty() && recorded.campaign_id != ledger.campaign_id()) {
    report.problems.push_back("labels/: of campaign " + recorded.campaign_id + ", the ledger is of " +
                              ledger.campaign_id());
    return;
  }
  std::unordered_map<SampleId, const SampleRecord*> in_files;
  for (const RecordedRounds::Round& round : recorded.rounds) {
    for (const SampleRecord& sample : round.samples) in_files.emplace(sample.entry.id, &sample);
  }
  std::int64_t not_in_files = 0;
  for (const SampleId id : ledger.integrated(0)) {
    const auto found = in_files.find(id);
    if (found == in_files.end() || !found->second->labels) {
      ++not_in_files;
    } else if (fingerprint(*found->second->labels) != fingerprint(ledger.labels(id))) {
      report.problems.push_back("sample " + std::to_string(id) + ": the label in labels/ is another than the ledger's");
    }
  }
  if (not_in_files > 0) {
    report.problems.push_back("labels/: " + std::to_string(not_in_files) + " integrated labels are in no intact file");
  }
}

void check_checkpoints(const fs::path& campaign, const Ledger& ledger, CheckReport& report) {
  const auto integrated = static_cast<std::int64_t>(ledger.integrated(0).size());
  for (const fs::path& folder : checkpoint_folders(campaign)) {
    try {
      const Json json = read_checkpoint(folder).json;
      if (json.at("campaign") != ledger.campaign_id()) {
        report.problems.push_back(folder.string() + ": of campaign " + json.at("campaign").dump());
      } else if (json.at("ledger_sequence").get<std::int64_t>() > ledger.sequence() ||
                 json.at("integrated").get<std::int64_t>() > integrated) {
        report.problems.push_back(folder.string() + ": knows of more than the ledger does");
      }
    } catch (const std::exception& error) {
      report.problems.push_back(error.what());
    }
  }
}

/// False where there is no ledger at all, or an empty file: one that cannot be read is there.
bool holds_ledger(const fs::path& campaign) {
  try {
    return Ledger::exists(tools::ledger_file(campaign));
  } catch (const CheckpointError&) {
    return true;
  }
}

}  // namespace

CheckReport check_campaign(const fs::path& campaign) {
  CheckReport report;
  if (!holds_ledger(campaign) && has_round_files(campaign)) {
    report.problems.push_back(tools::ledger_file(campaign).string() +
                              ": missing or empty, beside labels that were paid for");
    return report;
  }
  std::optional<Ledger> ledger;
  try {
    ledger.emplace(tools::open_to_read(campaign));
    const std::vector<std::string> damage = ledger->integrity_problems();
    for (const std::string& text : damage) report.problems.push_back("ledger: " + text);
    if (!damage.empty()) return report;
  } catch (const CheckpointError& error) {
    if (error.id() == "assay.campaign.missing" || error.id() == "assay.ledger.format") throw;
    report.problems.push_back(error.what());
    return report;
  }
  try {
    check_rows(*ledger, report);
    check_objects(campaign, *ledger, report);
    check_round_files(campaign, *ledger, report);
    check_checkpoints(campaign, *ledger, report);
  } catch (const CheckpointError& error) {
    report.problems.push_back(error.what());
  }
  return report;
}

}  // namespace assay
