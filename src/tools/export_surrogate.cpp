// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/detail/content.hpp>
#include <assay/detail/learner_spec.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/detail/state_parts.hpp>
#include <assay/error.hpp>
#include <assay/learner/export.hpp>
#include <assay/registries.hpp>
#include <assay/surrogate.hpp>
#include <assay/tools/campaign_space.hpp>
#include <assay/tools/export_surrogate.hpp>

namespace assay {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void throw_untrained(const fs::path& campaign, const std::vector<std::string>& damaged) {
  throw DataError({"assay.predict.untrained", campaign.string(), "a campaign whose learner has been trained",
                   damaged.empty() ? "none" : "damaged checkpoints: " + damaged.front(),
                   "'assay run' or 'assay ask' trains its learner"});
}

Checkpoint trained_checkpoint(const fs::path& campaign, std::vector<std::string>& damaged) {
  std::optional<Checkpoint> checkpoint = newest_checkpoint(campaign, damaged);
  if (!checkpoint) throw_untrained(campaign, damaged);
  return std::move(*checkpoint);
}

AnyLearner learner_of(const Checkpoint& checkpoint, const fs::path& campaign, const Registries& registries) {
  const Json& json = checkpoint.json;
  AnyLearner learner = registries.learner.make(json.at("slots").at("learner"), registries);
  detail::restoring(campaign.string() + ", newest checkpoint", [&] {
    Json state = detail::without_device(json.at("state").at("learner"));
    learner.load(detail::part_of(checkpoint.tensors, std::move(state), "learner/"));
  });
  if (learner.save().tensors.empty()) throw_untrained(campaign, {});
  return learner;
}

/// Not among the campaign's own files: a learner that is exported once would be taken for its newest.
void require_outside(const fs::path& campaign, const fs::path& directory) {
  const fs::path inside = fs::weakly_canonical(directory).lexically_relative(fs::weakly_canonical(campaign));
  const std::string first = inside.empty() ? ".." : inside.begin()->string();
  for (const char* own : {".", "checkpoints", "labels", "simulations"}) {
    if (first != own) continue;
    throw DataError({"assay.export.place", directory.string(), "a folder that is none of the campaign's own",
                     "one of them", "give one beside the campaign, or a new one in it"});
  }
}

/// By field; those that have one.
Json units_of(const fs::path& campaign, const AnyLearner& learner) {
  Json units = Json::object();
  if (const std::optional<Space> space = campaign_space(campaign)) {
    for (const Variable& variable : space->variables()) {
      if (!variable.unit.empty()) units[variable.name] = variable.unit;
    }
  }
  const Json spec = learner.spec();
  for (const Json& target : detail::innermost_learner(spec).value("targets", Json::array())) {
    if (target.is_object() && !target.value("unit", "").empty())
      units[target.at("name").get<std::string>()] = target.at("unit");
  }
  return units;
}

}  // namespace

AnyLearner campaign_learner(const fs::path& campaign, const Registries& registries, std::vector<std::string>& damaged) {
  return learner_of(trained_checkpoint(campaign, damaged), campaign, registries);
}

std::optional<std::string> export_surrogate(const fs::path& campaign, const fs::path& directory,
                                            const Registries& registries, std::vector<std::string>& damaged) {
  const Ledger ledger = tools::open_to_read(campaign);
  require_outside(campaign, directory);
  const Checkpoint checkpoint = trained_checkpoint(campaign, damaged);
  const AnyLearner learner = learner_of(checkpoint, campaign, registries);
  Json about{{"campaign", ledger.campaign_id()},
             {"hash", campaign_hash(campaign)},
             {"label_version", detail::label_version_of(ledger)},
             {"round", ledger.last_round()},
             {"labels", ledger.counts().labels}};
  detail::write_learner(directory, learner.spec(), learner.save(),
                        {{"provenance", std::move(about)}, {"units", units_of(campaign, learner)}});
  try {
    const Surrogate loaded(directory);
  } catch (const CheckpointError& error) {
    return "expected " + error.parts().expected + ", got " + error.parts().got;
  }
  return std::nullopt;
}

}  // namespace assay
