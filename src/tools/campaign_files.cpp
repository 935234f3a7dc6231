// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include <assay/detail/file_system.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/round_files.hpp>

namespace assay::tools {

namespace fs = std::filesystem;

namespace {

const fs::path& require_campaign(const fs::path& campaign) {
  if (Ledger::exists(ledger_file(campaign))) return campaign;
  throw CheckpointError({"assay.campaign.missing", campaign.string(), "a directory that holds a campaign",
                         has_round_files(campaign) ? "labels without a ledger" : "none",
                         has_round_files(campaign) ? "'assay check --repair' rebuilds it" : ""});
}

}  // namespace

Journal journal_of(const fs::path& campaign) {
  // A lease is left behind, or held, where a driver took the storage for shared.
  const bool shared = detail::storage_of(campaign, Storage::automatic) == Storage::shared ||
                      fs::exists(campaign / "status.json");
  return shared ? Journal::rollback : Journal::write_ahead;
}

fs::path ledger_file(const fs::path& campaign) { return campaign / "ledger.sqlite"; }

Ledger open_to_read(const fs::path& campaign) {
  require_campaign(campaign);
  return Ledger::open_read_only(ledger_file(campaign), objects_folder(campaign));
}

HeldLedger::HeldLedger(const fs::path& campaign)
    : lock(require_campaign(campaign), journal_of(campaign) == Journal::rollback ? Storage::shared : Storage::local),
      ledger(Ledger::open(ledger_file(campaign), objects_folder(campaign), journal_of(campaign))) {}

LearnerFields learner_fields(const Ledger& ledger) {
  LearnerFields fields;
  detail::restoring("the ledger's configuration", [&] {
    Json spec = parse_json(ledger.configuration(), "ledger").value("learner", Json::object());
    while (spec.contains("learner")) spec = Json(spec.at("learner"));
    fields = {.inputs = spec.value("inputs", std::vector<std::string>()),
              .targets = spec.value("targets", std::vector<std::string>())};
  });
  return fields;
}

}  // namespace assay::tools
