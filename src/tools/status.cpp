// SPDX-License-Identifier: Apache-2.0
#include "../detail/lease.hpp"
#include "../logging/failure_kind.hpp"
#include "campaign_files.hpp"

#include <assay/checkpoint.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/restoring.hpp>
#include <assay/tools/status.hpp>

#include <algorithm>
#include <map>
#include <optional>

namespace assay {

namespace {

constexpr std::int64_t most_failures = 100, most_grouped = 10'000;

/// Failures of one reason together, the most frequent first.
Json failure_groups(const Ledger& ledger) {
  std::map<std::string, Json> by_kind;
  for (const SampleId id : ledger.in_state(SampleState::failed, most_grouped)) {
    const std::vector<LedgerAttempt> attempts = ledger.attempts(id);
    const std::string kind = attempts.empty() ? "" : detail::failure_kind(attempts.back().reason);
    Json& group = by_kind[kind];
    if (group.is_null()) group = {{"reason", kind}, {"count", 0}, {"sample", id}};
    group["count"] = group.at("count").get<std::int64_t>() + 1;
  }
  std::vector<Json> groups;
  for (auto& [kind, group] : by_kind) groups.push_back(std::move(group));
  std::stable_sort(groups.begin(), groups.end(), [](const Json& a, const Json& b) {
    return a.at("count").get<std::int64_t>() > b.at("count").get<std::int64_t>();
  });
  return groups;
}

/// What the writer on another host last said; nothing if it is on this host, or there is none.
std::optional<Json> said_elsewhere(const std::filesystem::path& campaign) {
  const std::filesystem::path status = campaign / "status.json";
  if (!std::filesystem::exists(status)) return std::nullopt;
  const std::optional<detail::LeaseText> lease = detail::newest_established_lease(campaign);
  if (!lease || lease->state != detail::LeaseState::held) return std::nullopt;
  const detail::Holder here = detail::this_holder();
  if (lease->holder.host == here.host && lease->holder.boot == here.boot) return std::nullopt;
  return parse_json(detail::read_own_file(status), status.string());
}

}  // namespace

Json campaign_status(const std::filesystem::path& campaign) {
  if (std::optional<Json> elsewhere = said_elsewhere(campaign)) return *std::move(elsewhere);
  const Ledger ledger = tools::open_to_read(campaign);
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> checkpoint = newest_checkpoint(campaign, damaged);
  const Counts counts = ledger.counts();
  Json status{{"campaign", ledger.campaign_id()},
              {"counts",
               {{"labels", counts.labels},
                {"validation_labels", counts.validation_labels},
                {"test_labels", counts.test_labels},
                {"failed", counts.failed},
                {"infeasible", counts.infeasible},
                {"simulations", counts.simulations},
                {"queued", ledger.count(SampleState::queued)},
                {"running", ledger.count(SampleState::running)},
                {"abandoned", ledger.count(SampleState::abandoned)},
                {"archived", ledger.archive_size()}}},
              {"position", nullptr},
              {"metrics", nullptr},
              {"failures", Json::array()},
              {"failure_groups", failure_groups(ledger)},
              {"damaged_checkpoints", damaged}};
  for (const SampleId id : ledger.in_state(SampleState::failed, most_failures)) {
    const LedgerEntry entry = ledger.entry(id);
    const std::vector<LedgerAttempt> attempts = ledger.attempts(id);
    status["failures"].push_back({{"sample", id},
                                  {"round", entry.round},
                                  {"attempts", entry.attempts},
                                  {"reason", attempts.empty() ? "" : attempts.back().reason},
                                  {"output", attempts.empty() ? "" : attempts.back().output}});
  }
  if (checkpoint) {
    detail::restoring(campaign.string() + ", newest checkpoint", [&] {
      for (const char* part : {"position", "seconds", "slots"}) status[part] = checkpoint->json.at(part);
      if (const Json& records = checkpoint->json.at("records"); !records.empty()) status["metrics"] = records.back();
    });
  }
  return status;
}

}  // namespace assay
