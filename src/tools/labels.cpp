// SPDX-License-Identifier: Apache-2.0
#include "campaign_files.hpp"

#include <assay/data/schema.hpp>
#include <assay/error.hpp>
#include <assay/tools/labels.hpp>

#include <cmath>
#include <limits>

namespace assay {

namespace fs = std::filesystem;

std::int64_t retry_samples(const fs::path& campaign, const std::optional<std::vector<SampleId>>& ids) {
  tools::HeldLedger held(campaign);
  if (!ids) return held.ledger.retry(held.ledger.in_state(SampleState::failed));
  for (const SampleId id : *ids) held.ledger.entry(id);
  return held.ledger.retry(*ids);
}

std::int64_t abandon_samples(const fs::path& campaign, const std::vector<SampleId>& ids) {
  tools::HeldLedger held(campaign);
  for (const SampleId id : ids) held.ledger.entry(id);
  return held.ledger.abandon(ids);
}

namespace {

/// Throws unless a label of another campaign would do here.
void require_usable(const Values& labels, const std::vector<std::string>& targets, const Schema& schema,
                    const std::string& where) {
  require_finite(labels, where);
  const Values picked = labels.pick(targets);
  if (!schema.empty()) require_fits(picked, schema, where);
}

}  // namespace

ImportReport import_labels(const fs::path& campaign, const fs::path& other) {
  constexpr std::size_t batch = 1000;
  tools::HeldLedger held(campaign);
  const Ledger from = tools::open_to_read(other);
  const std::vector<std::string> targets = tools::learner_fields(held.ledger).targets;
  Schema schema;
  if (const std::vector<SampleId> done = held.ledger.in_state(SampleState::done, 1); !done.empty()) {
    schema = schema_of_sample(held.ledger.labels(done.front()).pick(targets));
  }
  ImportReport report;
  std::vector<ArchivedLabel> waiting;
  std::int64_t read = 0;
  const auto add = [&] {
    report.added += held.ledger.add_to_archive(waiting);
    waiting.clear();
  };
  for (const SampleId id : from.in_state(SampleState::done)) {
    const std::string source = "campaign " + from.campaign_id() + ", sample " + std::to_string(id);
    try {
      ArchivedLabel label{.fingerprint = from.entry(id).fingerprint,
                          .inputs = from.inputs(id),
                          .labels = from.labels(id),
                          .source = source};
      require_usable(label.labels, targets, schema, source);
      waiting.push_back(std::move(label));
      ++read;
    } catch (const Error& error) {
      report.refused.push_back(error.what());
    }
    if (waiting.size() == batch) add();
  }
  add();
  report.known = read - report.added;
  return report;
}

LabelTable label_table(const fs::path& campaign) {
  const Ledger ledger = tools::open_to_read(campaign);
  std::vector<SampleId> ids = ledger.integrated(0);
  for (const SampleId id : ledger.not_integrated()) ids.push_back(id);
  LabelTable table;
  std::vector<Values> rows;
  for (const SampleId id : ids) {
    const SampleRecord record = ledger.record(id);
    double seconds = 0;
    for (const LedgerAttempt& attempt : record.attempts) seconds += attempt.seconds.value_or(0);
    const auto integer = [](std::int64_t value) { return torch::scalar_tensor(value, torch::kInt64); };
    Values row;
    row.set("id", integer(id))
        .set("round", integer(record.entry.round))
        .set("rank", integer(record.entry.rank))
        .set("score", torch::scalar_tensor(record.entry.score.value_or(std::nan("")), torch::kFloat64))
        .set("attempts", integer(record.entry.attempts))
        .set("seconds", torch::scalar_tensor(seconds, torch::kFloat64));
    // A field may be called as one of ours, or an input as a label: the first keeps the name.
    row.merge(record.inputs.without(row.names()));
    row.merge(record.labels->without(row.names()));
    rows.push_back(std::move(row));
    table.purpose.emplace_back(to_string(record.entry.purpose));
    table.strategy.push_back(record.entry.strategy);
  }
  if (!rows.empty()) table.columns = stack(rows);
  return table;
}

}  // namespace assay
