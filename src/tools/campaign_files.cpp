// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include "../detail/current_ledger.hpp"
#include "../detail/lease.hpp"

#include <assay/detail/file_system.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>
#include <assay/learner/learner_inputs.hpp>
#include <assay/learner/learner_targets.hpp>
#include <assay/registries.hpp>
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

fs::path ledger_file(const fs::path& campaign) { return detail::current_ledger(campaign); }

Storage storage_of_campaign(const fs::path& campaign) {
  // A lease is left behind, or held, where a driver took the storage for shared.
  const bool shared = detail::storage_of(campaign, Storage::automatic) == Storage::shared ||
                      detail::newest_lease(campaign) > 0 || fs::exists(campaign / "status.json");
  return shared ? Storage::shared : Storage::local;
}

Journal journal_of(const fs::path& campaign) {
  return storage_of_campaign(campaign) == Storage::shared ? Journal::rollback : Journal::write_ahead;
}

Ledger open_to_read(const fs::path& campaign) {
  // On shared storage another host may go on with a newer ledger, and remove this one, at any moment.
  for (fs::path file = ledger_file(campaign);;) {
    try {
      require_campaign(campaign);
      return Ledger::open_read_only(file, objects_folder(campaign));
    } catch (const CheckpointError&) {
      const fs::path now = ledger_file(campaign);
      if (now == file) throw;
      file = now;
    }
  }
}

HeldLedger::HeldLedger(const fs::path& campaign)
    : lock(require_campaign(campaign), storage_of_campaign(campaign)),
      ledger(Ledger::open(lock.ledger(), objects_folder(campaign), journal_of(campaign))) {
  ledger.set_guard([this] { lock.check(); });
}

std::vector<TargetRule> label_rules(const Ledger& ledger) {
  const Registries registries;
  try {
    const Json spec = parse_json(ledger.configuration(), "ledger").value("learner", Json());
    return registries.learner.make(spec, registries).target_rules();
  } catch (const Error&) {  // the campaign judges labels when it takes them
    return {};
  }
}

LearnerFields learner_fields(const Ledger& ledger) {
  LearnerFields fields;
  detail::restoring("the ledger's configuration", [&] {
    const Json learner = parse_json(ledger.configuration(), "ledger").value("learner", Json::object());
    const Json& spec = detail::innermost_learner(learner);
    std::vector<ErrorParts> problems;
    const ConfigReader reader(spec, "/learner", problems, nullptr);
    LearnerInputs inputs;
    LearnerTargets targets;
    if (const ConfigReader child = reader.child("inputs"); child.present())
      detail::OptionCodec<LearnerInputs>::read(child, inputs);
    if (const ConfigReader child = reader.child("targets"); child.present())
      detail::OptionCodec<LearnerTargets>::read(child, targets);
    if (!problems.empty()) throw ConfigError(std::move(problems));
    fields = {.inputs = inputs.names(), .targets = targets.names(), .declared = {}};
    for (const LearnerTarget& target : targets) {
      if (target.shape) fields.declared.push_back({.name = target.name, .shape = *target.shape});
    }
  });
  return fields;
}

}  // namespace assay::tools
