// SPDX-License-Identifier: Apache-2.0
// Whether the store is as it was written: every row against its digest, all of them against the sum, the counts against
// the rows, and SQLite's own structure.
#include "store.hpp"

#include "columns.hpp"

#include <assay/error.hpp>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>

namespace assay::store {

namespace {

/// What is found, up to a limit; and the sum over all that was seen.
class Findings {
 public:
  explicit Findings(std::size_t limit) : limit_(limit) {}

  void add(std::string what, std::optional<std::int64_t> sample = {}) {
    if (!full()) found_.push_back({std::move(what), sample});
  }
  bool full() const { return found_.size() >= limit_; }
  void see(const Digest& digest) {
    sum_ = plus(sum_, digest);
    ++rows_;
  }
  const Digest& sum() const { return sum_; }
  std::int64_t rows() const { return rows_; }
  std::vector<Damage> take() { return std::move(found_); }

 private:
  std::size_t limit_;
  std::vector<Damage> found_;
  Digest sum_{};
  std::int64_t rows_ = 0;
};

/// Whether a database's header says, by a version that no SQLite has written, that it may only be read.
bool says_only_to_read(const std::filesystem::path& file) {
  std::array<char, 20> header{};
  std::ifstream in(file, std::ios::binary);
  return in.read(header.data(), header.size()) && header[18] != header[19];
}

}  // namespace

std::vector<Damage> Store::damage(std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  Findings findings(limit);
  if (says_only_to_read(file())) findings.add("its header has other versions for reading and for writing");
  for (const char* check : {"PRAGMA integrity_check", "PRAGMA foreign_key_check"}) {
    Statement rows = database_.prepare(check);
    while (rows.next()) {
      if (const std::string text = rows.bytes(0); text != "ok") findings.add(text);
    }
  }
  if (findings.full()) return findings.take();

  std::optional<CampaignRow> campaign;
  try {
    campaign = read_campaign(/*check=*/true);
  } catch (const CheckpointError& error) {
    findings.add(error.what());
  }
  std::map<std::pair<std::string, std::string>, std::int64_t> counted;
  std::int64_t simulations = 0;
  /// Each row of a table: compared with its digest, its tensors with theirs, then counted in.
  const auto each = [&](const char* sql, const auto& look) {
    Statement rows = database_.prepare(sql);
    while (rows.next() && !findings.full()) {
      std::optional<std::int64_t> sample;
      try {
        look(rows, sample);
      } catch (const CheckpointError& error) {
        findings.add(error.what(), sample);
      }
    }
  };
  each(sql::samples_with_tensors, [&](const Statement& row, std::optional<std::int64_t>& sample) {
    sample = row.integer(0);
    const SampleRow found = sample_from(row);
    findings.see(found.digest);
    const auto where = [&] { return "ledger, sample " + std::to_string(found.id); };
    if (digest_of(row.text(14)) != found.inputs) findings.add(where() + ": altered inputs", found.id);
    if (found.labels.has_value() == row.is_null(15) || (found.labels && digest_of(row.text(15)) != *found.labels))
      findings.add(where() + ": altered labels", found.id);
    ++counted[{found.purpose, std::string(to_string(found.state))}];
  });
  each(sql::all_attempts, [&](const Statement& row, std::optional<std::int64_t>& sample) {
    sample = row.integer(0);
    const AttemptRow found = attempt_from(row);
    findings.see(found.digest);
    if (found.refused.has_value() == row.is_null(14) || (found.refused && digest_of(row.text(14)) != *found.refused)) {
      findings.add("ledger, sample " + std::to_string(found.id) + ", attempt " + std::to_string(found.attempt) +
                       ": an altered label that was refused",
                   found.id);
    }
    if (!is_answer(found)) ++simulations;
  });
  each(sql::all_rounds, [&](const Statement& row, std::optional<std::int64_t>&) {
    findings.see(digest_of(campaign_id_, round_from(row)));
  });
  each(sql::all_archived, [&](const Statement& row, std::optional<std::int64_t>&) {
    const ArchiveRow found = archive_from(row);
    findings.see(digest_of(campaign_id_, found));
    if (digest_of(row.bytes(5)) != found.inputs || digest_of(row.bytes(6)) != found.labels)
      findings.add("ledger, archived label of " + found.source + ": altered tensors");
  });
  each(sql::all_sessions, [&](const Statement& row, std::optional<std::int64_t>&) {
    const SessionRow found{.number = row.integer(0), .id = row.bytes(1), .first = row.integer(2)};
    const Digest digest = digest_of(campaign_id_, found);
    if (digest != digest_from(row.view(3), "ledger, session")) findings.add("ledger: an altered session");
    findings.see(digest);
  });
  each(sql::all_times, [&](const Statement& row, std::optional<std::int64_t>&) {
    const Digest digest = digest_of_clock(campaign_id_, row.integer(0), row.number(1));
    if (digest != digest_from(row.view(2), "ledger, clock")) findings.add("ledger: an altered time");
    findings.see(digest);
  });
  if (findings.full() || !campaign) return findings.take();
  if (findings.rows() != campaign->rows || findings.sum() != campaign->seal) {
    findings.add("ledger: " + std::to_string(findings.rows()) + " rows that do not add up to what was written (" +
                 std::to_string(campaign->rows) + " rows): rows are missing, or are those of another moment");
  }
  for (const Tally& told : read_tally()) {
    const std::int64_t there = told.purpose == "*" ? simulations : counted[{told.purpose, told.state}];
    if (told.count != there) {
      findings.add("ledger: " + std::to_string(there) + " " + told.purpose + " " + told.state + " where " +
                   std::to_string(told.count) + " were counted");
    }
    counted.erase({told.purpose, told.state});
  }
  for (const auto& [what, count] : counted) {
    if (count > 0) findings.add("ledger: " + what.first + " " + what.second + " were never counted");
  }
  return findings.take();
}

}  // namespace assay::store
