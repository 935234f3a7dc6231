// SPDX-License-Identifier: Apache-2.0
#include "../round_agreement.hpp"
#include "../store/object_store.hpp"
#include "campaign_files.hpp"

#include <assay/checkpoint.hpp>
#include <assay/data/values.hpp>
#include <assay/detail/content.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>

#include <algorithm>
#include <optional>

namespace assay {

namespace fs = std::filesystem;

namespace {

void check_objects(const fs::path& campaign, const Ledger& ledger, CheckReport& report) {
  const store::ObjectStore objects(objects_folder(campaign));
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
  const detail::RoundAgreement agreement = detail::compare_round_files(campaign, ledger);
  for (const auto* lines : {&agreement.more, &agreement.stale})
    report.problems.insert(report.problems.end(), lines->begin(), lines->end());
}

void check_checkpoints(const fs::path& campaign, const Ledger& ledger, CheckReport& report) {
  for (const fs::path& folder : checkpoint_folders(campaign)) {
    try {
      const Json json = read_checkpoint(folder).json;
      detail::restoring(folder.string(), [&] {
        if (const std::optional<std::string> unknown = detail::unknown_to_ledger(json, ledger))
          report.problems.push_back(folder.string() + ": knows of more than the ledger does: " + *unknown);
      });
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
    const std::vector<std::string> damage = ledger->problems();
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
