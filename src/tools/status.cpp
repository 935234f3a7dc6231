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
#include <unordered_map>

namespace assay {

namespace {

constexpr std::size_t most_failures = 100;
constexpr std::int64_t most_grouped = 10'000;

/// A sample that failed, with what became of its last attempt.
struct Failed {
  SampleId id;
  std::string reason = {}, output = {};
};

/// In the order they were picked.
std::vector<Failed> failed_samples(const Ledger& ledger) {
  std::unordered_map<SampleId, LedgerAttempt> last;
  for (auto& [id, attempt] : ledger.last_attempts(SampleState::failed)) last.emplace(id, std::move(attempt));
  std::vector<Failed> failed;
  for (const SampleId id : ledger.in_state(SampleState::failed, most_grouped)) {
    Failed& sample = failed.emplace_back(Failed{.id = id});
    if (const auto attempt = last.find(id); attempt != last.end()) {
      sample.reason = std::move(attempt->second.reason);
      sample.output = std::move(attempt->second.output);
    }
  }
  return failed;
}

/// Failures of one reason together, the most frequent first.
Json failure_groups(const std::vector<Failed>& failed) {
  std::map<std::string, Json> by_kind;
  for (const Failed& sample : failed) {
    const std::string kind = detail::failure_kind(sample.reason);
    Json& group = by_kind[kind];
    if (group.is_null()) group = {{"reason", kind}, {"count", 0}, {"sample", sample.id}};
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
  const std::vector<Failed> failed = failed_samples(ledger);
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
              {"failure_groups", failure_groups(failed)},
              {"damaged_checkpoints", damaged}};
  for (std::size_t i = 0; i < std::min(failed.size(), most_failures); ++i) {
    const LedgerEntry entry = ledger.entry(failed[i].id);
    status["failures"].push_back({{"sample", entry.id},
                                  {"round", entry.round},
                                  {"attempts", entry.attempts},
                                  {"reason", failed[i].reason},
                                  {"output", failed[i].output}});
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
