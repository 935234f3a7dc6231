// SPDX-License-Identifier: Apache-2.0
#include "../round_agreement.hpp"
#include "archiving.hpp"
#include "campaign_files.hpp"

#include <assay/data/schema.hpp>
#include <assay/data/table.hpp>
#include <assay/error.hpp>
#include <assay/tools/campaign_space.hpp>
#include <assay/tools/labels.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

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

/// Samples that were answered with a copy of the labels of others.
std::vector<SampleId> copies_of(const Ledger& ledger, const std::set<SampleId>& originals) {
  std::set<std::string> contents;
  for (const SampleId id : originals) contents.insert(ledger.entry(id).fingerprint);
  std::vector<SampleId> copies;
  for (const LedgerEntry& entry : ledger.entries()) {
    if (entry.state != SampleState::done || originals.contains(entry.id) || !contents.contains(entry.fingerprint))
      continue;
    if (ledger.attempts(entry.id).back().outcome == "copied") copies.push_back(entry.id);
  }
  return copies;
}

}  // namespace

WithdrawalReport withdraw_labels(const fs::path& campaign, const Withdrawal& what) {
  tools::HeldLedger held(campaign);
  std::set<SampleId> ids(what.ids.begin(), what.ids.end());
  // Of a call that failed after its commit: what it took back is taken back, and its files are written now.
  const std::vector<std::int64_t> unfinished = held.ledger.rounds_out_of_date();
  if (!unfinished.empty())
    std::erase_if(ids, [&](SampleId id) {
      return held.ledger.entry(id).state != SampleState::done && detail::was_withdrawn(held.ledger.attempts(id));
    });
  for (const SampleId id : ids) {
    if (const SampleState state = held.ledger.entry(id).state; state != SampleState::done) {
      throw DataError({"assay.withdraw.label", "sample " + std::to_string(id), "a sample with a label",
                       "one that is " + std::string(to_string(state)),
                       state == SampleState::running
                           ? "it is computed now, or was asked for: tell it as failed, or wait"
                           : "'assay abandon' gives up what has no label"});
    }
  }
  if (!what.solver.empty()) {
    for (const SampleId id : held.ledger.in_state(SampleState::done)) {
      if (held.ledger.attempts(id).back().solver == what.solver) ids.insert(id);
    }
  }
  WithdrawalReport report;
  const std::vector<SampleId> copies = copies_of(held.ledger, ids);
  report.copies = static_cast<std::int64_t>(copies.size());
  report.ids.assign(ids.begin(), ids.end());
  report.ids.insert(report.ids.end(), copies.begin(), copies.end());
  std::set<std::int64_t> rounds(unfinished.begin(), unfinished.end());
  for (const LedgerEntry& entry : held.ledger.entries(report.ids)) {
    if (!entry.integrated) continue;
    ++report.folded_in;
    rounds.insert({entry.round, *entry.integrated_in});
  }
  held.ledger.withdraw(report.ids, what.reason, what.abandon ? SampleState::abandoned : SampleState::queued);
  // Else a ledger that is rebuilt from the files would have them again.
  detail::write_round_files(campaign, held.ledger, rounds);
  return report;
}

namespace {

/// Throws unless a label of another campaign would do here.
void require_usable(const Values& labels, const std::vector<std::string>& targets, const Schema& schema,
                    const std::vector<TargetRule>& rules, const std::string& where) {
  require_finite(labels, where);
  for (const std::string& target : targets) {
    if (labels.contains(target)) continue;
    throw DataError({"assay.import.target", where, "'" + target + "'", "a label without it", ""});
  }
  const Values picked = labels.pick(targets);
  if (!schema.empty()) require_fits(picked, schema, where);
  require_learnable(picked, rules, where);
}

/// Errors: `DataError` for a variable whose unit is another one in the other campaign's space.
void require_same_units(const fs::path& campaign, const fs::path& other) {
  const std::optional<Space> own = campaign_space(campaign), theirs = campaign_space(other);
  if (!own || !theirs) return;
  for (const Variable& variable : own->variables()) {
    for (const Variable& there : theirs->variables()) {
      if (there.name != variable.name || same_unit(there.unit, variable.unit)) continue;
      throw DataError({"assay.import.unit", other.string(), "'" + variable.name + "' in '" + variable.unit + "'",
                       "'" + there.unit + "'", "export it, bring the numbers to one unit, and import the file"});
    }
  }
}

}  // namespace

ImportReport import_labels(const fs::path& campaign, const fs::path& other) {
  tools::HeldLedger held(campaign);
  if (std::error_code error; fs::equivalent(campaign, other, error)) {
    throw DataError({"assay.import.itself", other.string(), "another campaign", "this one",
                     "a label that it has answers samples of the same inputs already"});
  }
  const Ledger from = tools::open_to_read(other);
  require_same_units(campaign, other);
  const std::vector<std::string> targets = tools::learner_fields(held.ledger).targets;
  const std::vector<TargetRule> rules = tools::label_rules(held.ledger);
  Schema schema;
  if (const std::vector<SampleId> done = held.ledger.in_state(SampleState::done, 1); !done.empty()) {
    schema = schema_of_sample(held.ledger.labels(done.front()).pick(targets));
  }
  tools::Archiving archiving(campaign, held.ledger);
  for (const SampleId id : from.in_state(SampleState::done)) {
    const std::string source = "campaign " + from.campaign_id() + ", sample " + std::to_string(id);
    ArchivedLabel label{.fingerprint = {}, .inputs = {}, .labels = {}, .source = source};
    try {
      label.fingerprint = from.entry(id).fingerprint;
      label.inputs = from.inputs(id);
      label.labels = from.labels(id);
      require_usable(label.labels, targets, schema, rules, source);
    } catch (const Error& error) {
      archiving.refuse(error.what());
      continue;
    }
    archiving.add(std::move(label), source);
  }
  return archiving.end();
}

namespace {

/// The schema that most rows have; of equally many, the first.
Schema usual_schema(const std::vector<Values>& rows) {
  std::vector<std::pair<Schema, std::int64_t>> found;
  for (const Values& row : rows) {
    const auto same = std::find_if(found.begin(), found.end(),
                                   [schema = schema_of_sample(row)](const auto& f) { return f.first == schema; });
    same == found.end() ? void(found.emplace_back(schema_of_sample(row), 1)) : void(++same->second);
  }
  return std::max_element(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::string in_words(SampleId id, const Values& values) {
  std::string text = "sample " + std::to_string(id) + ":";
  for (const Field& field : schema_of_sample(values)) {
    text += " " + field.name + " (" + describe(field) + ")";
    for (const double number : values.numbers(field.name)) text += " " + Json(number).dump();
  }
  return text;
}

/// Takes the rows out of a table that are unlike most others.
void leave_out_unusual(LabelTable& table, std::vector<Values>& rows, const std::vector<SampleId>& ids,
                       const std::vector<std::string>& bookkeeping) {
  const Schema usual = usual_schema(rows);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (schema_of_sample(rows[i]) != usual) {
      table.left_out.push_back(in_words(ids[i], rows[i].without(bookkeeping)));
      continue;
    }
    std::swap(rows[kept], rows[i]);
    std::swap(table.purpose[kept], table.purpose[i]);
    std::swap(table.strategy[kept++], table.strategy[i]);
  }
  rows.resize(kept);
  table.purpose.resize(kept);
  table.strategy.resize(kept);
}

}  // namespace

LabelTable label_table(const fs::path& campaign) {
  const Ledger ledger = tools::open_to_read(campaign);
  std::vector<SampleId> ids = ledger.integrated(0);
  for (const SampleId id : ledger.not_integrated()) ids.push_back(id);
  LabelTable table;
  std::vector<Values> rows;
  std::vector<std::string> bookkeeping;
  for (const SampleId id : ids) {
    const SampleRecord record = ledger.record(id);
    double seconds = 0;
    for (const LedgerAttempt& attempt : record.attempts) seconds += attempt.seconds.value_or(0);
    const auto integer = [](std::int64_t value) { return torch::scalar_tensor(value, torch::kInt64); };
    Values row;
    row.set("assay.id", integer(id))
        .set("assay.round", integer(record.entry.round))
        .set("assay.rank", integer(record.entry.rank))
        .set("assay.score", torch::scalar_tensor(record.entry.score.value_or(std::nan("")), torch::kFloat64))
        .set("assay.attempts", integer(record.entry.attempts))
        .set("assay.seconds", torch::scalar_tensor(seconds, torch::kFloat64));
    bookkeeping = row.names();
    row.merge(record.inputs);
    row.merge(record.labels->without(record.inputs.names()));  // what is both, as in some benchmarks, is one field
    rows.push_back(std::move(row));
    table.purpose.emplace_back(to_string(record.entry.purpose));
    table.strategy.push_back(record.entry.strategy);
  }
  if (rows.empty()) return table;
  leave_out_unusual(table, rows, ids, bookkeeping);
  table.columns = stack(rows);
  return table;
}

}  // namespace assay
