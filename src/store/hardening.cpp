// SPDX-License-Identifier: Apache-2.0
#include "hardening.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace assay::store {

namespace fs = std::filesystem;

namespace {

constexpr int longest_before_schema = 1 << 20, longest_value = 256 << 20;
/// What a statement may take whatever the size of the database, and for each of its bytes. The dearest of assay's own
/// takes about one step a byte: a check of every row and index.
constexpr std::int64_t free_steps = 2'000'000, steps_a_byte = 16;
constexpr int steps_a_look = 10'000;

constexpr const char* from_elsewhere =
    "the file was altered, or made to harm: 'assay check --repair' rebuilds the "
    "ledger from labels/";

[[noreturn]] void database_refused(const fs::path& file, std::string got) {
  throw CheckpointError({"assay.ledger.schema", file.string(), "the tables, indexes and triggers that assay makes",
                         std::move(got), from_elsewhere});
}

/// SQLite takes a journal for part of a larger commit if it ends in the name of that commit's file, of which the last
/// eight bytes are this mark. Assay's commits are of one database.
void require_no_further_file(const fs::path& journal) {
  constexpr std::string_view mark("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
  const int descriptor = ::open(journal.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return;  // none, or one that SQLite cannot read either
  std::array<char, 8> end{};
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  const bool read = size >= 16 && ::pread(descriptor, end.data(), end.size(), size - 8) == 8;
  ::close(descriptor);
  if (!read || std::string_view(end.data(), end.size()) != mark) return;
  throw CheckpointError({"assay.ledger.journal", journal.string(), "a journal of this database alone",
                         "one that names another file",
                         "it is not assay's: remove it if you trust the ledger without it"});
}

/// SQL without its comments and with one blank for many, outside of quotes: versions of assay differ in no more.
std::string plain(std::string_view sql) {
  std::string text;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    } else if (c == '-' && i + 1 < sql.size() && sql[i + 1] == '-') {
      i = std::min(sql.find('\n', i), sql.size()) - 1;
      continue;
    } else if (c == ' ' || c == '\n' || c == '\t') {
      if (!text.ends_with(' ')) text += ' ';
      continue;
    }
    text += c;
  }
  return text;
}

/// Name to type and definition.
using Schema = std::map<std::string, std::pair<std::string, std::string>>;

std::string column(sqlite3_stmt* row, int index) {
  const void* text = sqlite3_column_blob(row, index);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, index));
  return text ? std::string(static_cast<const char*>(text), size) : std::string();
}

Schema schema_of(sqlite3* handle, const fs::path& file) {
  sqlite3_stmt* prepared = nullptr;
  const int result = sqlite3_prepare_v2(handle, "SELECT name, type, sql FROM sqlite_master LIMIT 1000", -1, &prepared,
                                        nullptr);
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> rows(prepared, &sqlite3_finalize);
  Schema schema;
  int step = result;
  if (result == SQLITE_OK) {
    while ((step = sqlite3_step(prepared)) == SQLITE_ROW) {
      schema[column(prepared, 0)] = {column(prepared, 1), plain(column(prepared, 2))};
    }
  }
  if (step == SQLITE_DONE) return schema;
  const bool busy = step == SQLITE_BUSY || step == SQLITE_IOERR || step == SQLITE_CANTOPEN || step == SQLITE_READONLY;
  throw CheckpointError({"assay.ledger", file.string(), "to read its schema", sqlite3_errmsg(handle),
                         busy ? "" : "the file is damaged: 'assay check --repair' rebuilds it from labels/"});
}

using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

Connection in_memory() {
  sqlite3* handle = nullptr;
  sqlite3_open_v2(":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  return {handle, &sqlite3_close};
}

/// What each of the steps makes of what those before it made.
std::vector<Schema> schemas_after(std::span<const char* const> steps) {
  const Connection model = in_memory();
  std::vector<Schema> schemas;
  for (const char* step : steps) {
    if (sqlite3_exec(model.get(), step, nullptr, nullptr, nullptr) != SQLITE_OK) break;
    schemas.push_back(schema_of(model.get(), ":memory:"));
  }
  return schemas;
}

/// The first thing in which `got` differs from `expected`; nothing if it does not.
std::string difference(const Schema& expected, const Schema& got) {
  for (const auto& [name, object] : got) {
    const auto known = expected.find(name);
    if (known == expected.end()) return object.first + " '" + name.substr(0, 100) + "', which is not assay's";
    if (known->second != object) return object.first + " '" + name + "' of another definition";
  }
  for (const auto& [name, object] : expected) {
    if (!got.contains(name)) return "no " + object.first + " '" + name + "'";
  }
  return {};
}

/// Numbers that are counted on from must leave room to count. Each is one look at the end of an index.
void require_ranges(sqlite3* handle, const fs::path& file) {
  constexpr std::int64_t most = std::int64_t{1} << 53;
  constexpr std::array looks{
      "SELECT min(id) FROM sample",         "SELECT max(id) FROM sample",         "SELECT min(round) FROM sample",
      "SELECT max(round) FROM sample",      "SELECT min(round) FROM round",       "SELECT max(round) FROM round",
      "SELECT min(integrated) FROM sample", "SELECT max(integrated) FROM sample", "SELECT sequence FROM campaign",
      "SELECT next_place FROM campaign",    "SELECT max(number) FROM session"};
  for (const char* look : looks) {
    sqlite3_stmt* prepared = nullptr;
    sqlite3_prepare_v2(handle, look, -1, &prepared, nullptr);
    const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> row(prepared, &sqlite3_finalize);
    if (!row || sqlite3_step(prepared) != SQLITE_ROW) continue;  // damage, which what reads it tells of
    const int type = sqlite3_column_type(prepared, 0);
    const std::int64_t number = sqlite3_column_int64(prepared, 0);
    if (type == SQLITE_NULL || (type == SQLITE_INTEGER && number >= 0 && number <= most)) continue;
    throw CheckpointError({"assay.ledger.range", file.string(),
                           "whole numbers from 0 to " + std::to_string(most) + " for '" + look + "'",
                           column(prepared, 0).substr(0, 100), from_elsewhere});
  }
}

}  // namespace

void require_own_files(const fs::path& database) {
  constexpr std::size_t longest_path = 500;  // with a suffix and its end 512, which is fixed when SQLite is compiled
  std::error_code error;
  const std::string whole = fs::absolute(database, error).string();
  if (error || whole.size() > longest_path) {
    throw CheckpointError({"assay.ledger.path", database.string(),
                           "a path of at most " + std::to_string(longest_path) + " bytes, for SQLite",
                           error ? error.message() : std::to_string(whole.size()),
                           "choose a campaign directory with a shorter path"});
  }
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) detail::require_regular(database.string() + suffix);
  require_no_further_file(database.string() + "-journal");
}

void StepLimit::watch(sqlite3* handle) {
  sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, &StepLimit::begin, this);
  sqlite3_progress_handler(handle, steps_a_look, &StepLimit::step, this);
}

int StepLimit::begin(unsigned, void* self, void*, void* text) {
  const bool trigger = text && std::string_view(static_cast<const char*>(text)).starts_with("--");
  if (!trigger) static_cast<StepLimit*>(self)->steps_ = 0;
  return 0;
}

int StepLimit::step(void* self) {
  auto& limit = *static_cast<StepLimit*>(self);
  limit.steps_ += steps_a_look;
  if (limit.steps_ <= free_steps) return 0;
  std::int64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code none;
    const auto size = static_cast<std::int64_t>(fs::file_size(limit.file_.string() + suffix, none));
    if (!none) bytes += size;
  }
  return limit.steps_ > free_steps + steps_a_byte * bytes ? 1 : 0;
}

void harden(sqlite3* handle) {
  for (const auto& [option, value] :
       {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1}, std::pair{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_VIEW, 0}, std::pair{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}}) {
    sqlite3_db_config(handle, option, value, nullptr);
  }
  for (const auto& [limit, value] :
       {std::pair{SQLITE_LIMIT_LENGTH, longest_before_schema}, std::pair{SQLITE_LIMIT_SQL_LENGTH, 100'000},
        std::pair{SQLITE_LIMIT_COLUMN, 100}, std::pair{SQLITE_LIMIT_EXPR_DEPTH, 100},
        std::pair{SQLITE_LIMIT_COMPOUND_SELECT, 10}, std::pair{SQLITE_LIMIT_FUNCTION_ARG, 16},
        std::pair{SQLITE_LIMIT_ATTACHED, 0}, std::pair{SQLITE_LIMIT_TRIGGER_DEPTH, 10},
        std::pair{SQLITE_LIMIT_WORKER_THREADS, 0}}) {
    sqlite3_limit(handle, limit, value);
  }
}

void require_plain_tables(sqlite3* handle, const fs::path& file) {
  for (const auto& [name, object] : schema_of(handle, file)) {
    const bool made_up = object.first == "view" ||
                         (object.first == "table" && !object.second.starts_with("CREATE TABLE "));
    if (made_up)
      database_refused(file, (object.first == "view" ? "view '" : "virtual table '") + name.substr(0, 100) + "'");
  }
}

void require_schema(sqlite3* handle, const fs::path& file, std::span<const char* const> steps) {
  static std::mutex mutex;
  static std::map<const char* const*, std::vector<Schema>> known;  // the steps are constants
  const Schema got = schema_of(handle, file);
  std::string differs = "a schema that cannot be compared";
  const std::lock_guard lock(mutex);
  std::vector<Schema>& models = known[steps.data()];
  if (models.size() < steps.size()) models = schemas_after(steps);
  for (const Schema& model : models) {
    differs = difference(model, got);
    if (differs.empty()) {
      sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, longest_value);
      return require_ranges(handle, file);
    }
  }
  database_refused(file, differs);
}

}  // namespace assay::store
