// SPDX-License-Identifier: Apache-2.0
#include "sqlite.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <chrono>

namespace assay::store {

Statement::~Statement() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_, index, value); }
void Statement::bind(int index, double value) { sqlite3_bind_double(statement_, index, value); }
void Statement::bind(int index, std::string_view text) {
  require_bound(sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
}
void Statement::bind_blob(int index, std::string_view bytes) {
  require_bound(sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC));
}
/// Values longer than the limit are not bound.
void Statement::require_bound(int result) const {
  if (result != SQLITE_OK) database_.fail(sqlite3_sql(statement_));
}
void Statement::bind_null(int index) { sqlite3_bind_null(statement_, index); }

bool Statement::next() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) database_.fail(sqlite3_sql(statement_));
  return false;
}

std::string Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data ? std::string(static_cast<const char*>(data), size) : std::string();
}

std::string_view Statement::text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> Statement::view(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  return {static_cast<const std::byte*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Database::Database(const std::filesystem::path& file, bool writable) : file_(file) {
  require_own_files(file);
  const std::lock_guard lock(detail::opening_of_databases());
  if (!writable) readable_.emplace(file);
  if (!readable_ || !readable_->is_copy()) open_.emplace(file);
  const bool changes = writable || readable_->is_copy();
  const std::filesystem::path& opened = readable_ ? readable_->path() : file;
  const int flags = (changes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | (writable ? SQLITE_OPEN_CREATE : 0);
  if (sqlite3_open_v2(opened.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK) {
    const std::string message = handle_ ? sqlite3_errmsg(handle_) : "out of memory";
    sqlite3_close(handle_);
    throw CheckpointError({"assay.ledger", file.string(), "a ledger that can be opened", message, ""});
  }
  sqlite3_busy_timeout(handle_, 10'000);
  harden(handle_);
  limit_.watch(handle_);
}

Database::~Database() { close(); }

void Database::close() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(handle_);
  open_.reset();
  readable_.reset();
}

void Database::copy_into(sqlite3* target) {
  sqlite3_backup* backup = sqlite3_backup_init(target, "main", handle_, "main");
  if (backup) sqlite3_backup_step(backup, -1);
  if (!backup || sqlite3_backup_finish(backup) != SQLITE_OK) {
    const std::string message = sqlite3_errmsg(target);
    sqlite3_close(target);
    throw CheckpointError({"assay.ledger", file_.string(), "to copy it", message, ""});
  }
}

void Database::copy_to(const std::filesystem::path& file) {
  sqlite3* target = nullptr;
  if (sqlite3_open(file.c_str(), &target) != SQLITE_OK) {
    const std::string message = target ? sqlite3_errmsg(target) : "out of memory";
    sqlite3_close(target);
    throw CheckpointError({"assay.ledger", file.string(), "a copy of " + file_.string(), message, ""});
  }
  copy_into(target);
  sqlite3_close(target);
}

void Database::move_to_memory() {
  sqlite3* target = nullptr;
  sqlite3_open_v2(":memory:", &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  copy_into(target);
  close();
  handle_ = target;
  limit_.watch(handle_);
}

void Database::run(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

Statement Database::prepare(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (!statement && sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    fail(sql);
  }
  return {*this, statement};
}

void Database::fail(std::string_view doing) const {
  const int code = sqlite3_errcode(handle_);
  std::string advice;
  if (code == SQLITE_FULL) advice = "free some space; the campaign can then be resumed";
  if (code == SQLITE_INTERRUPT)
    advice = "it takes far longer than the file is large: the file was made to harm, or is damaged";
  // No statement of ours is wrong but in a file whose format or tables are no longer what they were.
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR)
    advice = "the file is damaged: 'assay check --repair' rebuilds it from labels/";
  if (code == SQLITE_READONLY)
    advice =
        "let the file be written to; if it may be, its header is damaged: 'assay check --repair' rebuilds it from "
        "labels/";
  throw CheckpointError({"assay.ledger", file_.string(), "to run '" + std::string(doing) + "'", sqlite3_errmsg(handle_),
                         std::move(advice)});
}

Reading::~Reading() {
  try {
    database_.prepare("COMMIT").run();
  } catch (const CheckpointError&) {
    // Of a transaction that changed nothing: SQLite has ended it by itself, and what was read holds.
  }
}

Transaction::~Transaction() {
  if (committed_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const CheckpointError&) {
    // SQLite has rolled back by itself (a full disk does that); the error that led here is on its way to the caller.
  }
}

void Transaction::commit() {
  const auto began = std::chrono::steady_clock::now();
  database_.prepare("COMMIT").run();
  committed_ = true;
  detail::add_sync_seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
}

}  // namespace assay::store
