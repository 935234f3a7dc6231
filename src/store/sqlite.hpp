// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../detail/readable_database.hpp"
#include "hardening.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace assay::store {

class Database;

/// A prepared statement, bound with `(values...)`, stepped with `next()`, reset when it goes out of scope. Text and
/// bytes are bound where they stand: they outlive the last step, which strings that are no more than a result do not.
class Statement {
 public:
  Statement(Database& database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  void bind(int index, std::int64_t value);
  void bind(int index, int value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, double value);
  void bind(int index, std::string_view text);
  void bind(int index, std::string&& text) = delete;
  void bind_blob(int index, std::string_view bytes);
  void bind_blob(int index, std::string&& bytes) = delete;
  void bind_null(int index);
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    value ? bind(index, *value) : bind_null(index);
  }
  template <class... Values>
  Statement& all(Values&&... values) {
    int index = 0;
    (bind(++index, std::forward<Values>(values)), ...);
    return *this;
  }

  /// True while there is a row.
  bool next();
  void run() { next(); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  double number(int column) const { return sqlite3_column_double(statement_, column); }
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  bool is_text(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_TEXT; }
  std::string bytes(int column) const;
  /// Without a copy; valid until the next step.
  std::string_view text(int column) const;
  /// Without a copy; valid until the next step.
  std::span<const std::byte> view(int column) const;

 private:
  void require_bound(int result) const;

  Database& database_;
  sqlite3_stmt* statement_;
};

/// One connection, with its statements prepared once. Used by one thread at a time.
class Database {
 public:
  /// Only the holder of a campaign's lock opens a database as writable: that rolls back what a writer left, and a
  /// writer on another host looks like one that left. One that is not is opened without a change to the file or beside
  /// it.
  Database(const std::filesystem::path& file, bool writable);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  void run(const char* sql);
  Statement prepare(const char* sql);
  /// Writes a consistent copy of the whole database to a new file.
  void copy_to(const std::filesystem::path& file);
  /// Goes on with a copy in memory; the file is left alone.
  void move_to_memory();
  [[noreturn]] void fail(std::string_view doing) const;
  /// Refuses what assay did not make. \param steps see `store::require_schema`.
  void require_plain_tables() const { store::require_plain_tables(handle_, file_); }
  void require_schema(std::span<const char* const> steps) const { store::require_schema(handle_, file_, steps); }
  const std::filesystem::path& file() const noexcept { return file_; }

 private:
  void close();
  void copy_into(sqlite3* target);

  std::filesystem::path file_;
  std::optional<detail::ReadableDatabase> readable_;
  std::optional<detail::OpenDatabase> open_;
  StepLimit limit_{file_};
  sqlite3* handle_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;  // by the address of their text
};

/// Rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.prepare("BEGIN IMMEDIATE").run(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool committed_ = false;
};

/// One view of the database for many statements, which then need no locks of their own. Nothing is changed meanwhile.
class Reading {
 public:
  explicit Reading(Database& database) : database_(database) { database_.prepare("BEGIN").run(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading();

 private:
  Database& database_;
};

}  // namespace assay::store
