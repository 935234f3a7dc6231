// SPDX-License-Identifier: Apache-2.0
#include "ledger_impl.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>

#include <array>

namespace assay {

namespace {

constexpr std::array state_names{"queued", "running", "done", "failed"};

constexpr const char* schema = R"(
CREATE TABLE campaign (id TEXT NOT NULL, format INTEGER NOT NULL, sequence INTEGER NOT NULL);
CREATE TABLE round (
  round INTEGER PRIMARY KEY,
  state_json TEXT NOT NULL,          -- of the query strategy, after it chose
  state_tensors BLOB NOT NULL);
CREATE TABLE sample (
  id INTEGER PRIMARY KEY,
  round INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  strategy TEXT NOT NULL,
  score REAL,
  fingerprint TEXT NOT NULL,
  inputs BLOB NOT NULL,              -- safetensors
  state TEXT NOT NULL,
  labels BLOB,                       -- safetensors
  attempts INTEGER NOT NULL DEFAULT 0,
  integrated INTEGER UNIQUE);        -- place in the order of integration
CREATE UNIQUE INDEX sample_by_rank ON sample (round, rank);
CREATE INDEX sample_by_state ON sample (state, round, rank);
CREATE INDEX sample_by_content ON sample (fingerprint);
CREATE TABLE attempt (
  id INTEGER NOT NULL REFERENCES sample (id),
  attempt INTEGER NOT NULL,
  started TEXT NOT NULL,
  seconds REAL,
  host TEXT NOT NULL,
  outcome TEXT NOT NULL,
  exit_status INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  output TEXT NOT NULL DEFAULT '',
  directory TEXT NOT NULL,
  handle TEXT NOT NULL DEFAULT '',
  refused BLOB,                      -- safetensors
  PRIMARY KEY (id, attempt)) WITHOUT ROWID;
)";

constexpr const char* entry_columns =
    "SELECT id, purpose, round, rank, score, strategy, fingerprint, state, attempts FROM sample ";

SampleState state_from(const std::string& text) {
  for (std::size_t i = 0; i < state_names.size(); ++i) {
    if (text == state_names[i]) return static_cast<SampleState>(i);
  }
  throw CheckpointError({"assay.ledger.state", "ledger", "queued, running, done or failed", "'" + text + "'", ""});
}

LedgerEntry entry_from(const detail::Statement& row) {
  return {.id = row.integer(0),
          .purpose = purpose_from_string(row.bytes(1)),
          .round = row.integer(2),
          .rank = row.integer(3),
          .score = row.is_null(4) ? std::nullopt : std::optional(row.number(4)),
          .strategy = row.bytes(5),
          .fingerprint = row.bytes(6),
          .state = state_from(row.bytes(7)),
          .attempts = static_cast<int>(row.integer(8))};
}

Values values_from(const std::string& bytes, SampleId id) {
  return from_safetensors(std::as_bytes(std::span(bytes)), "ledger, sample " + std::to_string(id));
}

}  // namespace

std::string_view to_string(SampleState state) { return state_names[static_cast<std::size_t>(state)]; }

void Ledger::Impl::require_ledger() {
  detail::Statement row = database.prepare("SELECT id, format FROM campaign");
  if (!row.next()) throw CheckpointError({"assay.ledger", database.file().string(), "a ledger", "an empty one", ""});
  campaign_id = row.bytes(0);
  if (row.integer(1) > format) {
    throw CheckpointError({"assay.ledger.format", database.file().string(),
                           "format " + std::to_string(format) + " or older", std::to_string(row.integer(1)),
                           "it was written by a newer assay: use that version"});
  }
}

void Ledger::Impl::throw_unknown(SampleId id) const {
  throw CheckpointError(
      {"assay.ledger.sample", database.file().string(), "an entry for sample " + std::to_string(id), "none", ""});
}

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

bool Ledger::exists(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::file_size(file, error) == 0 || error) return false;
  detail::Database database(file, /*writable=*/true);  // a write-ahead log that was left behind is read in
  detail::Statement row = database.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'campaign'");
  row.next();
  return row.integer(0) > 0;
}

Ledger Ledger::create(const std::filesystem::path& file, const std::string& campaign_id) {
  auto impl = std::make_unique<Impl>(file, true);
  impl->database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  detail::Transaction transaction(impl->database);
  impl->database.run(schema);
  impl->database.prepare("INSERT INTO campaign VALUES (?, ?, 0)").all(campaign_id, format).run();
  transaction.commit();
  impl->campaign_id = campaign_id;
  return Ledger(std::move(impl));
}

Ledger Ledger::open(const std::filesystem::path& file) {
  auto impl = std::make_unique<Impl>(file, true);
  impl->database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  impl->require_ledger();
  return Ledger(std::move(impl));
}

Ledger Ledger::open_read_only(const std::filesystem::path& file) {
  auto impl = std::make_unique<Impl>(file, false);
  impl->require_ledger();
  return Ledger(std::move(impl));
}

const std::string& Ledger::campaign_id() const noexcept { return impl_->campaign_id; }

std::int64_t Ledger::sequence() const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement row = impl_->database.prepare("SELECT sequence FROM campaign");
  row.next();
  return row.integer(0);
}

void Ledger::commit_batch(std::int64_t round, std::span<const NewEntry> entries, const State& strategy_state) {
  impl_->change([&] {
    {
      detail::Statement insert = impl_->database.prepare("INSERT INTO round VALUES (?, ?, ?)");
      insert.bind(1, round);
      insert.bind(2, strategy_state.json.dump());
      insert.bind_blob(3, to_safetensors(strategy_state.tensors));
      insert.run();
    }
    for (const NewEntry& entry : entries) {
      detail::Statement insert = impl_->database.prepare(
          "INSERT INTO sample (id, round, rank, purpose, strategy, score, fingerprint, state, inputs) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)");
      insert.all(entry.id, round, entry.rank, to_string(entry.purpose), entry.strategy, entry.score, entry.fingerprint);
      insert.bind_blob(8, to_safetensors(entry.inputs));
      insert.run();
    }
  });
}

std::optional<CommittedBatch> Ledger::batch(std::int64_t round) const {
  const std::lock_guard lock(impl_->mutex);
  CommittedBatch batch;
  {
    detail::Statement row = impl_->database.prepare("SELECT state_json, state_tensors FROM round WHERE round = ?");
    if (!row.all(round).next()) return std::nullopt;
    batch.strategy_state.json = parse_json(row.bytes(0), "ledger, round " + std::to_string(round));
    const std::string tensors = row.bytes(1);
    batch.strategy_state.tensors = from_safetensors(std::as_bytes(std::span(tensors)),
                                                    "ledger, round " + std::to_string(round));
  }
  static const std::string sql = std::string(entry_columns) + "WHERE round = ? ORDER BY rank";
  detail::Statement rows = impl_->database.prepare(sql.c_str());
  rows.all(round);
  while (rows.next()) batch.entries.push_back(entry_from(rows));
  return batch;
}

LedgerEntry Ledger::entry(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  static const std::string sql = std::string(entry_columns) + "WHERE id = ?";
  detail::Statement row = impl_->database.prepare(sql.c_str());
  if (!row.all(id).next()) impl_->throw_unknown(id);
  return entry_from(row);
}

std::vector<LedgerEntry> Ledger::entries() const {
  const std::lock_guard lock(impl_->mutex);
  static const std::string sql = std::string(entry_columns) + "ORDER BY round, rank";
  detail::Statement rows = impl_->database.prepare(sql.c_str());
  std::vector<LedgerEntry> entries;
  while (rows.next()) entries.push_back(entry_from(rows));
  return entries;
}

std::vector<SampleId> Ledger::picked() const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement rows = impl_->database.prepare("SELECT id FROM sample ORDER BY round, rank");
  std::vector<SampleId> ids;
  while (rows.next()) ids.push_back(rows.integer(0));
  return ids;
}

Values Ledger::inputs(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement row = impl_->database.prepare("SELECT inputs FROM sample WHERE id = ?");
  if (!row.all(id).next()) impl_->throw_unknown(id);
  return values_from(row.bytes(0), id);
}

Values Ledger::labels(SampleId id) const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement row = impl_->database.prepare("SELECT labels FROM sample WHERE id = ? AND labels IS NOT NULL");
  if (!row.all(id).next()) {
    throw CheckpointError(
        {"assay.ledger.labels", impl_->database.file().string(), "labels of sample " + std::to_string(id), "none", ""});
  }
  return values_from(row.bytes(0), id);
}

Counts Ledger::counts() const {
  const std::lock_guard lock(impl_->mutex);
  Counts counts;
  {
    detail::Statement rows = impl_->database.prepare(
        "SELECT purpose, state, count(*) FROM sample WHERE state IN ('done', 'failed') GROUP BY purpose, state");
    while (rows.next()) {
      const Purpose purpose = purpose_from_string(rows.bytes(0));
      const std::int64_t number = rows.integer(2);
      if (rows.bytes(1) == "failed") {
        counts.failed += number;
      } else if (purpose == Purpose::validation) {
        counts.validation_labels += number;
      } else if (purpose == Purpose::test) {
        counts.test_labels += number;
      } else {
        counts.labels += number;
      }
    }
  }
  detail::Statement row = impl_->database.prepare("SELECT count(*) FROM attempt WHERE outcome <> 'copied'");
  row.next();
  counts.simulations = row.integer(0);
  return counts;
}

}  // namespace assay
