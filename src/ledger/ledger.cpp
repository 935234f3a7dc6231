// SPDX-License-Identifier: Apache-2.0
#include "ledger_impl.hpp"
#include "schema.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <array>

namespace assay {

namespace {

constexpr std::array state_names{"queued", "running", "done", "failed", "abandoned", "infeasible"};

}  // namespace

std::string_view to_string(SampleState state) { return state_names[static_cast<std::size_t>(state)]; }

SampleState detail::state_from(const std::string& text) {
  for (std::size_t i = 0; i < state_names.size(); ++i) {
    if (text == state_names[i]) return static_cast<SampleState>(i);
  }
  throw CheckpointError(
      {"assay.ledger.state", "ledger", "queued, running, done, failed, abandoned or infeasible", "'" + text + "'", ""});
}

LedgerEntry detail::entry_from(const Statement& row) {
  return {.id = row.integer(0),
          .purpose = purpose_from_string(row.bytes(1)),
          .round = row.integer(2),
          .rank = row.integer(3),
          .score = row.is_null(4) ? std::nullopt : std::optional(row.number(4)),
          .strategy = row.bytes(5),
          .fingerprint = row.bytes(6),
          .state = state_from(row.bytes(7)),
          .attempts = static_cast<int>(row.integer(8)),
          .integrated = row.is_null(9) ? std::nullopt : std::optional(row.integer(9)),
          .integrated_in = row.is_null(10) ? std::nullopt : std::optional(row.integer(10))};
}

void Ledger::Impl::use_journal(Journal journal) {
  database.run("PRAGMA cache_size = -65536;");  // KiB at most; the 2 MiB of SQLite's own are read again for each label
  write_ahead_ = journal == Journal::write_ahead;
  if (write_ahead_) {
    database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  } else {
    // EXTRA also syncs the folder after the journal is removed, which is the moment of commit in this mode.
    database.run("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;");
  }
}

void Ledger::Impl::require_ledger() {
  detail::Statement row = database.prepare("SELECT id, format FROM campaign");
  if (!row.next()) throw CheckpointError({"assay.ledger", database.file().string(), "a ledger", "an empty one", ""});
  campaign_id = row.bytes(0);
  format_found = row.integer(1);
  if (format_found > format || format_found < 1) {
    throw CheckpointError({"assay.ledger.format", database.file().string(), "format 1 to " + std::to_string(format),
                           std::to_string(format_found), "it was written by a newer assay: use that version"});
  }
}

void Ledger::Impl::migrate() {
  if (format_found == format) return;
  detail::Transaction transaction(database);
  database.run(detail::migration_2);
  transaction.commit();
}

void Ledger::Impl::throw_unknown(SampleId id) const {
  throw CheckpointError(
      {"assay.ledger.sample", database.file().string(), "an entry for sample " + std::to_string(id), "none", ""});
}

void Ledger::Impl::bind_tensors(detail::Statement& statement, int index, const Values& values) const {
  const std::string bytes = to_safetensors(values);
  if (bytes.size() <= largest_inline) {
    statement.bind_blob(index, bytes);
  } else {
    statement.bind(index, std::string_view(objects.put(bytes)));
  }
}

std::string Ledger::Impl::tensor_bytes(const detail::Statement& row, int column) const {
  std::string bytes = row.bytes(column);
  return row.is_text(column) ? objects.get(bytes) : bytes;
}

Values Ledger::Impl::tensors(const detail::Statement& row, int column, SampleId id) const {
  const std::string bytes = tensor_bytes(row, column);
  return from_safetensors(std::as_bytes(std::span(bytes)), "ledger, sample " + std::to_string(id));
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

Ledger Ledger::create(const std::filesystem::path& file, const std::string& campaign_id,
                      const std::filesystem::path& objects, const std::string& configuration, Journal journal) {
  auto impl = std::make_unique<Impl>(file, objects, true);
  impl->use_journal(journal);
  detail::Transaction transaction(impl->database);
  impl->database.run(detail::schema_1);
  impl->database.run("INSERT INTO campaign VALUES ('', 1, 0)");
  impl->database.run(detail::migration_2);
  impl->database.prepare("UPDATE campaign SET id = ?, configuration = ?").all(campaign_id, configuration).run();
  transaction.commit();
  impl->campaign_id = campaign_id;
  impl->format_found = format;
  return Ledger(std::move(impl));
}

Ledger Ledger::open(const std::filesystem::path& file, const std::filesystem::path& objects, Journal journal) {
  auto impl = std::make_unique<Impl>(file, objects, true);
  impl->use_journal(journal);
  impl->require_ledger();
  impl->migrate();
  return Ledger(std::move(impl));
}

Ledger Ledger::open_read_only(const std::filesystem::path& file, const std::filesystem::path& objects) {
  auto impl = std::make_unique<Impl>(file, objects, false);
  impl->require_ledger();
  if (impl->format_found < format) {
    impl->database.move_to_memory();
    impl->migrate();
  }
  return Ledger(std::move(impl));
}

const std::string& Ledger::campaign_id() const noexcept { return impl_->campaign_id; }

void Ledger::set_guard(std::function<void()> guard) { impl_->guard = std::move(guard); }

std::string Ledger::configuration() const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement row = impl_->database.prepare("SELECT configuration FROM campaign");
  row.next();
  return row.bytes(0);
}

std::int64_t Ledger::sequence() const {
  const std::lock_guard lock(impl_->mutex);
  detail::Statement row = impl_->database.prepare("SELECT sequence FROM campaign");
  row.next();
  return row.integer(0);
}

void Ledger::copy_to(const std::filesystem::path& file) const {
  const std::filesystem::path temporary = file.string() + ".writing";
  detail::remove_all(temporary);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->database.copy_to(temporary);
  }
  detail::replace_durably(temporary, file);
}

std::vector<std::string> Ledger::integrity_problems() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> problems;
  for (const char* check : {"PRAGMA integrity_check", "PRAGMA foreign_key_check"}) {
    detail::Statement rows = impl_->database.prepare(check);
    while (rows.next()) {
      if (const std::string text = rows.bytes(0); text != "ok") problems.push_back(text);
    }
  }
  return problems;
}

}  // namespace assay
