// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

#include <assay/checkpoint.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>

#include <iostream>

namespace assay::app {

namespace {

Json describe(const std::filesystem::path& campaign) {
  const std::filesystem::path file = campaign / "ledger.sqlite";
  if (!std::filesystem::exists(file)) {
    throw CheckpointError(
        {"assay.campaign.missing", campaign.string(), "a directory that holds a campaign", "none", ""});
  }
  const Ledger ledger = Ledger::open_read_only(file);
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> checkpoint = newest_checkpoint(campaign, damaged);
  const Counts counts = ledger.counts();
  Json json{{"campaign", ledger.campaign_id()},
            {"counts",
             {{"labels", counts.labels},
              {"validation_labels", counts.validation_labels},
              {"test_labels", counts.test_labels},
              {"failed", counts.failed},
              {"simulations", counts.simulations},
              {"queued", ledger.count(SampleState::queued)},
              {"running", ledger.count(SampleState::running)}}},
            {"position", nullptr},
            {"metrics", nullptr},
            {"failures", Json::array()},
            {"damaged_checkpoints", damaged}};
  for (const LedgerEntry& entry : ledger.entries()) {
    if (entry.state != SampleState::failed) continue;
    const std::vector<LedgerAttempt> attempts = ledger.attempts(entry.id);
    json["failures"].push_back({{"sample", entry.id},
                                {"round", entry.round},
                                {"attempts", entry.attempts},
                                {"reason", attempts.empty() ? "" : attempts.back().reason}});
  }
  if (checkpoint) {
    json["position"] = checkpoint->json.at("position");
    json["seconds"] = checkpoint->json.at("seconds");
    json["slots"] = checkpoint->json.at("slots");
    if (const Json& records = checkpoint->json.at("records"); !records.empty()) json["metrics"] = records.back();
  }
  return json;
}

void print(const Json& json) {
  const Json& counts = json.at("counts");
  const auto count = [&](const char* name) { return std::to_string(counts.at(name).get<std::int64_t>()); };
  std::cout << "campaign     " << json.at("campaign").get<std::string>() << '\n';
  if (const Json& position = json.at("position"); position.is_object()) {
    const bool finished = position.at("finished").get<bool>();
    std::cout << "state        "
              << (finished ? "finished (" + position.at("finished_by").get<std::string>() + ")"
                           : "round " + position.at("round").dump() + ", " + position.at("phase").get<std::string>())
              << '\n';
    std::cout << "learner      " << json.at("slots").at("learner").value("type", Json()).dump() << ", query "
              << json.at("slots").at("query").value("type", Json()).dump() << '\n';
  } else {
    std::cout << "state        no intact checkpoint\n";
  }
  std::cout << "labels       " << count("labels") << " for training, " << count("validation_labels")
            << " for validation, " << count("test_labels") << " for tests\n";
  std::cout << "simulations  " << count("simulations") << " run, " << count("failed") << " samples failed, "
            << count("queued") << " queued, " << count("running") << " running\n";
  if (const Json& metrics = json.at("metrics"); metrics.is_object()) {
    std::cout << "metrics      round " << metrics.at("round").dump() << '\n';
    for (const Json& m : metrics.at("measurements")) {
      std::cout << "             " << m.at("name").get<std::string>() << " " << m.at("value").dump() << '\n';
    }
  }
  for (const Json& failure : json.at("failures")) {
    const auto reason = failure.at("reason").get<std::string>();
    std::cout << "failed       sample " << failure.at("sample").dump() << ": " << reason.substr(0, reason.find('\n'))
              << '\n';
  }
  for (const Json& damaged : json.at("damaged_checkpoints")) {
    std::cout << "damaged      " << damaged.get<std::string>() << '\n';
  }
}

}  // namespace

void show(const std::filesystem::path& campaign, bool json) {
  const Json description = describe(campaign);
  if (json) {
    std::cout << description.dump(2) << '\n';
  } else {
    print(description);
  }
}

}  // namespace assay::app
