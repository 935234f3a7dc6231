// SPDX-License-Identifier: Apache-2.0
// Looking at a ledger changes nothing: not what a writer left, nor what one on another host is in the middle of.
#include "support/catch.hpp"
#include "support/folder.hpp"
#include "support/child.hpp"

#include "../src/detail/database_copy.hpp"
#include "../src/store/sqlite.hpp"

#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <tuple>

using namespace assay;
using store::Database;
using store::Statement;
using store::Transaction;
namespace fs = std::filesystem;

namespace {

/// Names, bytes and times of all that is in a folder.
std::map<std::string, std::tuple<std::string, std::int64_t, std::int64_t>> state_of(const fs::path& folder) {
  std::map<std::string, std::tuple<std::string, std::int64_t, std::int64_t>> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    struct stat status {};
    REQUIRE(::stat(entry.path().c_str(), &status) == 0);
    files[entry.path().filename()] = {assay::detail::read_file(entry.path()), status.st_mtim.tv_sec,
                                      status.st_mtim.tv_nsec};
  }
  return files;
}

std::int64_t rows_in(const fs::path& file) {
  Database database(file, /*writable=*/false);
  Statement row = database.prepare("SELECT count(*) FROM sample");
  REQUIRE(row.next());
  return row.integer(0);
}

void make_sample_table(Database& database, const char* journal) {
  database.run(journal);
  database.run("PRAGMA synchronous = FULL; PRAGMA cache_size = 5");  // so small that a transaction spills into the file
  database.run("CREATE TABLE sample (id INTEGER PRIMARY KEY, payload TEXT)");
}

void add(Database& database, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string payload(3000, 'x');
    database.prepare("INSERT INTO sample (payload) VALUES (?)").all(std::string_view(payload)).run();
  }
}

/// What a process that was killed leaves of a database: its files as they are in the middle of a transaction.
void leave(const fs::path& folder, const fs::path& left, const char* journal) {
  Database database(folder / "l.sqlite", /*writable=*/true);
  make_sample_table(database, journal);
  {
    Transaction transaction(database);
    add(database, 3);
    transaction.commit();
  }
  const Transaction transaction(database);
  add(database, 50);
  fs::create_directory(left);
  for (const char* suffix : {"", "-journal", "-wal"}) {
    const fs::path from = folder / (std::string("l.sqlite") + suffix);
    if (fs::exists(from)) fs::copy_file(from, left / from.filename());
  }
}

}  // namespace

TEST_CASE("R1: who looks at a ledger rolls back no journal, and sees what was committed", "[ledger][looking][r1]") {
  const temporary::Folder place;
  const std::string journal = GENERATE("PRAGMA journal_mode = DELETE", "PRAGMA journal_mode = PERSIST",
                                       "PRAGMA journal_mode = TRUNCATE", "PRAGMA journal_mode = WAL");
  INFO(journal);
  leave(place.path(), place / "left", journal.c_str());
  const auto before = state_of(place / "left");
  REQUIRE(before.size() == 2);  // the database, and its journal or log
  CHECK(rows_in(place / "left/l.sqlite") == 3);
  CHECK((state_of(place / "left") == before));
  // Who holds the lock does roll it back.
  Database writer(place / "left/l.sqlite", /*writable=*/true);
  Statement row = writer.prepare("SELECT count(*) FROM sample");
  REQUIRE(row.next());
  CHECK(row.integer(0) == 3);
}

TEST_CASE("a ledger that was closed is looked at without a file beside it being made", "[ledger][looking]") {
  const temporary::Folder place;
  const std::string journal = GENERATE("PRAGMA journal_mode = PERSIST", "PRAGMA journal_mode = WAL");
  INFO(journal);
  {
    Database database(place / "l.sqlite", /*writable=*/true);
    make_sample_table(database, journal.c_str());
    add(database, 4);
  }
  const auto before = state_of(place.path());
  {
    Database reader(place / "l.sqlite", /*writable=*/false);
    Statement row = reader.prepare("SELECT count(*) FROM sample");
    REQUIRE(row.next());
    CHECK(row.integer(0) == 4);
    CHECK((state_of(place.path()) == before));
  }
  CHECK((state_of(place.path()) == before));
}

TEST_CASE("F11: a ledger on a read-only disk is looked at, with its log and without", "[ledger][looking][f11]") {
  const temporary::Folder place;
  const bool with_log = GENERATE(false, true);
  INFO(with_log);
  leave(place.path(), place / "left", "PRAGMA journal_mode = WAL");
  if (!with_log) {
    Database database(place / "left/l.sqlite", /*writable=*/true);
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  // In a child, whose mounts are its own.
  const int status = child::run([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
    const std::string left = place / "left";
    if (::mount(left.c_str(), left.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(77);
    if (::mount(nullptr, left.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) ::_exit(77);
    child::require(::open((left + "/new").c_str(), O_CREAT | O_WRONLY, 0644) < 0, "nothing can be made there");
    Database reader(left + "/l.sqlite", /*writable=*/false);
    Statement row = reader.prepare("SELECT count(*) FROM sample");
    child::require(row.next() && row.integer(0) == 3, "three rows");
  });
  if (status == 77) {
    WARN("skipped: this process may not mount");
    return;
  }
  CHECK(status == 0);
}

TEST_CASE("a reader beside a writer of the same process takes nothing of the writer's locks", "[ledger][looking]") {
  const temporary::Folder place;
  Database writer(place / "l.sqlite", /*writable=*/true);
  make_sample_table(writer, "PRAGMA journal_mode = WAL");
  add(writer, 1);
  CHECK(rows_in(place / "l.sqlite") == 1);
  // Had a reader closed a descriptor of the file, the locks of this process on it would be gone: then another process
  // takes itself for the last one, and removes the log under the writer when it ends.
  CHECK(child::run([&] {
          struct flock lock {};
          lock.l_type = F_WRLCK;
          lock.l_start = 0x40000002;
          lock.l_len = 510;
          const int file = ::open((place / "l.sqlite").c_str(), O_RDWR);
          child::require(file >= 0 && ::fcntl(file, F_GETLK, &lock) == 0, "the lock can be asked for");
          child::require(lock.l_type != F_UNLCK, "the writer holds its lock");
        }) == 0);
}

TEST_CASE("a database that changes all the time is copied as it was at one moment", "[ledger][looking][threads]") {
  const temporary::Folder place;
  const std::string journal = GENERATE("PRAGMA journal_mode = PERSIST", "PRAGMA journal_mode = WAL");
  INFO(journal);
  // The writer is another process: nothing is known of its locks and plans.
  const pid_t writer = ::fork();
  if (writer == 0) {
    try {
      Database database(place / "l.sqlite", /*writable=*/true);
      make_sample_table(database, journal.c_str());
      database.run("CREATE TABLE twin (id INTEGER PRIMARY KEY, payload TEXT)");
      while (true) {
        Transaction transaction(database);
        add(database, 2);
        const std::string payload(5000, 'y');
        for (int i = 0; i < 2; ++i)
          database.prepare("INSERT INTO twin (payload) VALUES (?)").all(std::string_view(payload)).run();
        transaction.commit();
        ::usleep(20'000);
      }
    } catch (...) {
      ::_exit(1);
    }
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::int64_t seen = 0;
  int copies = 0;
  while (copies < 30 && std::chrono::steady_clock::now() < end) {
    if (!fs::exists(place / "l.sqlite")) continue;
    assay::detail::copy_database(place / "l.sqlite", place / "copy.sqlite", /*around_cache=*/copies % 2 == 0);
    Database copy(place / "copy.sqlite", /*writable=*/true);
    Statement tables = copy.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'twin'");
    if (!tables.next() || tables.integer(0) == 0) continue;
    Statement row = copy.prepare("SELECT (SELECT count(*) FROM sample), (SELECT count(*) FROM twin)");
    REQUIRE(row.next());
    REQUIRE(row.integer(0) == row.integer(1));
    REQUIRE(row.integer(0) >= seen);
    seen = row.integer(0);
    Statement whole = copy.prepare("PRAGMA integrity_check");
    REQUIRE(whole.next());
    REQUIRE(whole.bytes(0) == "ok");
    ++copies;
  }
  int status = 0;
  REQUIRE(::waitpid(writer, &status, WNOHANG) == 0);  // it still writes
  ::kill(writer, SIGKILL);
  ::waitpid(writer, &status, 0);
  CHECK(copies == 30);
  CHECK(seen > 0);
}

TEST_CASE("R16: a pipe in place of a journal is refused at once, by readers and writers",
          "[ledger][looking][hostile][r16]") {
  const temporary::Folder place;
  const std::string suffix = GENERATE("-journal", "-wal", "-shm");
  INFO(suffix);
  {
    Database database(place / "l.sqlite", /*writable=*/true);
    make_sample_table(database, suffix == "-journal" ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL");
  }
  REQUIRE(::mkfifo((place / ("l.sqlite" + suffix)).c_str(), 0600) == 0);
  CHECK_THROWS_AS(Database(place / "l.sqlite", /*writable=*/true), CheckpointError);
  if (suffix != "-shm") CHECK_THROWS_AS(rows_in(place / "l.sqlite"), CheckpointError);
}
