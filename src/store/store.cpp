// SPDX-License-Identifier: Apache-2.0
#include "store.hpp"

#include "columns.hpp"
#include "log_check.hpp"
#include "schema.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <array>
#include <chrono>
#include <ctime>

namespace assay {

namespace {

constexpr std::array state_names{"queued", "running", "done", "failed", "abandoned", "infeasible"};

}  // namespace

std::string_view to_string(SampleState state) { return state_names[static_cast<std::size_t>(state)]; }

SampleState sample_state_from_string(std::string_view text) {
  for (std::size_t i = 0; i < state_names.size(); ++i) {
    if (text == state_names[i]) return static_cast<SampleState>(i);
  }
  throw CheckpointError({"assay.ledger.state", "ledger", "queued, running, done, failed, abandoned or infeasible",
                         "'" + std::string(text) + "'", ""});
}

}  // namespace assay

namespace assay::store {

std::string now() {
  const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

void Store::use_journal(Journal journal) {
  database_.run("PRAGMA cache_size = -65536;");  // KiB at most; the 2 MiB of SQLite's own are read again for each label
  write_ahead_ = journal == Journal::write_ahead;
  if (write_ahead_) {
    database_.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  } else {
    // The journal stays, and its first bytes are cleared at the moment of commit: a file that comes and goes is not
    // seen to come by every host at once, and a ledger without its journal is one in the middle of a commit.
    database_.run("PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 1048576;");
  }
}

void Store::require_ledger() {
  database_.require_plain_tables();
  Statement row = database_.prepare("SELECT id, format FROM campaign");
  if (!row.next()) throw CheckpointError({"assay.ledger", file().string(), "a ledger", "an empty one", ""});
  campaign_id_ = row.bytes(0);
  format_found_ = row.integer(1);
  if (format_found_ > format || format_found_ < 1) {
    throw CheckpointError({"assay.ledger.format", file().string(), "format 1 to " + std::to_string(format),
                           std::to_string(format_found_), "it was written by a newer assay: use that version"});
  }
  database_.require_schema(schema_steps);
}

void Store::migrate() {
  if (format_found_ == format) return;
  Transaction transaction(database_);
  if (format_found_ < 2) database_.run(migration_2);
  database_.run(migration_3);
  seal_all();
  transaction.commit();
  format_found_ = format;
}

/// Digests of everything that was there before rows had any.
void Store::seal_all() {
  seal_change_ = {};
  row_change_ = 0;
  const auto set = [&](const char* sql, const Digest& digest, const auto&... key) {
    Statement update = database_.prepare(sql);
    bind(update, 1, digest);
    int index = 1;
    (update.bind(++index, key), ...);
    update.run();
    add(digest);
  };
  {
    Statement rows = database_.prepare("SELECT id, inputs, labels FROM sample");
    while (rows.next()) {
      const Digest inputs = digest_of(rows.text(1));
      const std::optional<Digest> labels = rows.is_null(2) ? std::nullopt : std::optional(digest_of(rows.text(2)));
      Statement update = database_.prepare("UPDATE sample SET inputs_digest = ?, labels_digest = ? WHERE id = ?");
      bind(update, 1, inputs);
      bind(update, 2, labels);
      update.bind(3, rows.integer(0));
      update.run();
    }
  }
  {
    Statement rows = database_.prepare("SELECT id, attempt, refused FROM attempt WHERE refused IS NOT NULL");
    while (rows.next()) {
      const Digest refused = digest_of(rows.text(2));
      Statement update = database_.prepare("UPDATE attempt SET refused_digest = ? WHERE id = ? AND attempt = ?");
      bind(update, 1, refused);
      update.bind(2, rows.integer(0));
      update.bind(3, rows.integer(1));
      update.run();
    }
  }
  {
    Statement rows = database_.prepare("SELECT fingerprint, inputs, labels FROM archive");
    while (rows.next()) {
      const std::string fingerprint = rows.bytes(0);
      const Digest inputs = digest_of(rows.text(1)), labels = digest_of(rows.text(2));
      Statement update = database_.prepare(
          "UPDATE archive SET inputs_digest = ?, labels_digest = ? WHERE fingerprint = ?");
      bind(update, 1, inputs);
      bind(update, 2, labels);
      update.bind(3, fingerprint);
      update.run();
    }
  }
  {
    Statement rows = database_.prepare(sql::all_samples);
    while (rows.next()) {
      const SampleRow row = sample_from(rows, /*check=*/false);
      set("UPDATE sample SET digest = ? WHERE id = ?", digest_of(campaign_id_, row), row.id);
    }
  }
  {
    Statement rows = database_.prepare(sql::all_attempts);
    while (rows.next()) {
      const AttemptRow row = attempt_from(rows, /*check=*/false);
      set("UPDATE attempt SET digest = ? WHERE id = ? AND attempt = ?", digest_of(campaign_id_, row), row.id,
          row.attempt);
    }
  }
  {
    Statement rows = database_.prepare(sql::all_rounds);
    while (rows.next()) {
      const RoundRow row = round_from(rows, /*check=*/false);
      set("UPDATE round SET digest = ? WHERE round = ?", digest_of(campaign_id_, row), row.round);
    }
  }
  {
    Statement rows = database_.prepare(sql::all_archived);
    while (rows.next()) {
      const ArchiveRow row = archive_from(rows, /*check=*/false);
      set("UPDATE archive SET digest = ? WHERE fingerprint = ?", digest_of(campaign_id_, row), row.fingerprint);
    }
  }
  {
    Statement rows = database_.prepare("SELECT round, seconds FROM clock");
    while (rows.next()) {
      set("UPDATE clock SET digest = ? WHERE round = ?", digest_of_clock(campaign_id_, rows.integer(0), rows.number(1)),
          rows.integer(0));
    }
  }
  CampaignRow campaign = read_campaign(/*check=*/false);
  campaign.rows = row_change_;
  campaign.seal = seal_change_;
  write_campaign(campaign);
}

CampaignRow Store::read_campaign(bool check) const {
  Statement row = database_.prepare(
      "SELECT id, configuration, behavior, sequence, next_place, row_count, seal, digest FROM campaign");
  if (!row.next()) throw_damaged("the campaign's own row is missing");
  const std::string where = "ledger, campaign";
  CampaignRow campaign{.id = row.bytes(0),
                       .configuration = row.bytes(1),
                       .behavior = row.integer(2),
                       .sequence = row.integer(3),
                       .next_place = row.integer(4),
                       .rows = row.integer(5)};
  if (!check) return campaign;
  campaign.seal = digest_from(row.view(6), where);
  if (digest_of(campaign) != digest_from(row.view(7), where)) throw_damaged("the campaign's own row was altered");
  return campaign;
}

void Store::write_campaign(const CampaignRow& row) {
  const Digest digest = digest_of(row);
  const std::string mark = mark_of(row.sequence, synced_sequence_);
  Statement update = database_.prepare(
      "UPDATE campaign SET sequence = ?, next_place = ?, row_count = ?, seal = ?, digest = ?, mark = ?");
  update.all(row.sequence, row.next_place, row.rows);
  bind(update, 4, row.seal);
  bind(update, 5, digest);
  update.bind(6, mark);
  update.run();
}

void Store::throw_damaged(const std::string& what) const {
  throw CheckpointError(
      {"assay.ledger.damaged", file().string(), "a ledger as it was written", what,
       "a bit of the file was flipped, or it was edited: 'assay check --repair' mends what can be mended"});
}

void Store::throw_unknown(std::int64_t id) const {
  throw CheckpointError(
      {"assay.ledger.sample", file().string(), "an entry for sample " + std::to_string(id), "none",
       "ids are those that 'assay ask', 'assay show' and 'assay export' name: was this sample chosen in another "
       "campaign?"});
}

void Store::throw_unlabeled(std::int64_t id) const {
  throw CheckpointError({"assay.ledger.labels", file().string(), "labels of sample " + std::to_string(id), "none", ""});
}

bool Store::exists(const std::filesystem::path& file) {
  require_own_files(file);
  std::error_code error;
  if (std::filesystem::file_size(file, error) == 0 || error) return false;
  Database database(file, /*writable=*/false);
  Statement row = database.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'campaign'");
  row.next();
  return row.integer(0) > 0;
}

std::unique_ptr<Store> Store::create(const std::filesystem::path& file, const std::filesystem::path& objects,
                                     const std::string& campaign_id, const std::string& configuration,
                                     std::int64_t behavior, Journal journal) {
  std::unique_ptr<Store> store(new Store(file, objects, true));
  store->use_journal(journal);
  store->campaign_id_ = campaign_id;
  store->format_found_ = 1;
  Transaction transaction(store->database_);
  store->database_.run(schema_1);
  store->database_.run("INSERT INTO campaign VALUES ('', 1, 0)");
  store->database_.run(migration_2);
  store->database_.run(migration_3);
  store->database_.require_schema(schema_steps);
  store->database_.prepare("UPDATE campaign SET id = ?, configuration = ?, behavior = ?")
      .all(campaign_id, configuration, behavior)
      .run();
  store->seal_all();
  transaction.commit();
  store->format_found_ = format;
  return store;
}

std::unique_ptr<Store> Store::open(const std::filesystem::path& file, const std::filesystem::path& objects,
                                   Journal journal) {
  require_own_files(file);
  require_whole_log(file);
  std::unique_ptr<Store> store(new Store(file, objects, true));
  store->use_journal(journal);
  store->require_ledger();
  store->migrate();
  if (const std::vector<Damage> found = store->damage(1); !found.empty()) store->throw_damaged(found.front().what);
  return store;
}

std::unique_ptr<Store> Store::open_read_only(const std::filesystem::path& file, const std::filesystem::path& objects) {
  require_own_files(file);
  require_whole_log(file);
  return open_damaged(file, objects);
}

std::unique_ptr<Store> Store::open_damaged(const std::filesystem::path& file, const std::filesystem::path& objects) {
  std::unique_ptr<Store> store(new Store(file, objects, false));
  store->require_ledger();
  if (store->format_found_ < format) {
    store->database_.move_to_memory();
    store->migrate();
  }
  return store;
}

CampaignRow Store::campaign() const {
  const std::lock_guard lock(mutex_);
  return read_campaign(/*check=*/true);
}

std::vector<SessionRow> Store::sessions() const {
  const std::lock_guard lock(mutex_);
  std::vector<SessionRow> sessions;
  Statement rows = database_.prepare(sql::all_sessions);
  while (rows.next()) {
    sessions.push_back({.number = rows.integer(0), .id = rows.bytes(1), .first = rows.integer(2)});
    if (digest_of(campaign_id_, sessions.back()) != digest_from(rows.view(3), "ledger, session"))
      throw_damaged("session " + std::to_string(sessions.back().number) + " was altered");
  }
  return sessions;
}

void Store::copy_to(const std::filesystem::path& file) const {
  const std::filesystem::path temporary = file.string() + ".writing";
  detail::remove_all(temporary);
  {
    const std::lock_guard lock(mutex_);
    database_.copy_to(temporary);
  }
  detail::replace_durably(temporary, file);
}

}  // namespace assay::store
