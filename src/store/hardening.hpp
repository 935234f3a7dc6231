// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <span>

// A database may come from a stranger: what opens one trusts neither its schema, nor the files beside it, nor that a
// statement over it ever ends.

namespace assay::store {

/// Refuses what SQLite would open or act upon without a question: a link, a pipe or a device in place of the database
/// or of its `-wal`, `-shm`, `-journal`; a journal that names another file (SQLite would read what that one names, and
/// delete it); a path longer than SQLite takes.
/// Errors: `CheckpointError` `assay.file.link`, `assay.file.kind`, `assay.ledger.journal`, `assay.ledger.path`.
void require_own_files(const std::filesystem::path& database);

/// Ends statements that take far more steps than a database of this size asks for. One a connection, which it outlives.
class StepLimit {
 public:
  /// \param file whose size says how long a statement may take.
  explicit StepLimit(std::filesystem::path file) : file_(std::move(file)) {}
  StepLimit(const StepLimit&) = delete;
  StepLimit& operator=(const StepLimit&) = delete;
  void watch(sqlite3* handle);

 private:
  static int begin(unsigned kind, void* self, void* statement, void* text);
  static int step(void* self);

  std::filesystem::path file_;
  std::int64_t steps_ = 0;  // of the statement that began last
};

/// Before the first statement: no views, no functions in the schema that reach outside, no writes to it, short values.
void harden(sqlite3* handle);

/// Refuses views and virtual tables. Cost: one look at the schema.
/// Errors: `CheckpointError` `assay.ledger.schema`.
void require_plain_tables(sqlite3* handle, const std::filesystem::path& file);

/// Refuses every schema but those that assay writes, comments aside to the letter: tables, indexes and triggers; and
/// ids, rounds and counts from which one cannot count on. From here on values may be up to 256 MiB long. \param steps
/// what each format adds to the one before it, as SQL. Errors: `CheckpointError` `assay.ledger.schema`, naming the
/// first object that differs; `assay.ledger.range`.
void require_schema(sqlite3* handle, const std::filesystem::path& file, std::span<const char* const> steps);

}  // namespace assay::store
