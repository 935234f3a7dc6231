// SPDX-License-Identifier: Apache-2.0
// Databases that somebody made in order to harm: refused before a statement of theirs runs, and none that runs away.
#include "support/catch.hpp"
#include "support/ledger_entries.hpp"
#include "support/peak_memory.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>

#include <sqlite3.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>

using namespace assay;
namespace fs = std::filesystem;

namespace {

/// A ledger with a few samples, and with no log beside it.
fs::path ledger_in(const toy::Folder& folder, std::int64_t samples = 3) {
  const fs::path file = folder / "ledger.sqlite";
  Ledger ledger = Ledger::create(file, "id", objects_folder(folder.path()), "{}", Journal::rollback);
  ledger.commit_batch(1, entries(samples, 0), {});
  return file;
}

/// What a stranger does to it, who is not asked whether he may.
void change(const fs::path& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
  char* problem = nullptr;
  const int result = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &problem);
  INFO(sql << ": " << (problem ? problem : ""));
  CHECK(result == SQLITE_OK);
  sqlite3_free(problem);
  sqlite3_close(handle);
}

void refused(const toy::Folder& folder, const std::string& word) {
  const fs::path file = folder / "ledger.sqlite", objects = objects_folder(folder.path());
  const long before = peak_mib();
  CHECK_THROWS_WITH(Ledger::open_read_only(file, objects), Contains(word));
  CHECK_THROWS_WITH(Ledger::open(file, objects, Journal::rollback), Contains(word));
  CHECK_THAT(check_campaign(folder.path()).problems.at(0), Contains(word));
  CHECK(peak_mib() - before < 200);
}

void put_bytes(const fs::path& file, std::size_t place, const std::string& bytes) {
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(place));
  out << bytes;
}

std::string big_endian(std::uint32_t number, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

}  // namespace

TEST_CASE("R16: views and virtual tables in place of the ledger's tables are refused before they are read",
          "[hostile][ledger][r16]") {
  const auto sql = GENERATE(
      as<std::string>(),
      "ALTER TABLE campaign RENAME TO c; CREATE VIEW campaign AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + "
      "1 "
      "FROM r) SELECT 'id' AS id, 2 AS format, x AS sequence, '{}' AS configuration FROM r WHERE x < 0",
      "DROP TABLE tally; CREATE VIEW tally AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT "
      "'training' AS purpose, 'done' AS state, x AS n FROM r",
      "ALTER TABLE campaign RENAME TO c; CREATE VIEW campaign AS SELECT printf('%.*c', 900000000, 'x') AS id, 2 AS "
      "format, "
      "1 AS sequence, '{}' AS configuration",
      "ALTER TABLE campaign RENAME TO c; CREATE VIEW campaign AS SELECT zeroblob(900000000) AS id, 2 AS format, 1 AS "
      "sequence, '{}' AS configuration",
      "CREATE VIEW harmless AS SELECT 1");
  const toy::Folder folder;
  change(ledger_in(folder), sql);
  refused(folder, "assay.ledger.schema");
}

TEST_CASE("R16: tables, indexes and triggers that are not assay's to the letter are refused by name",
          "[hostile][ledger][r16]") {
  const auto [sql, word] = GENERATE(table<std::string, std::string>({
      {"CREATE TRIGGER evil AFTER INSERT ON sample BEGIN DELETE FROM attempt; END", "trigger 'evil'"},
      {"DROP TRIGGER sample_added; CREATE TRIGGER sample_added AFTER INSERT ON sample BEGIN SELECT 1; END",
       "trigger 'sample_added' of another definition"},
      {"DROP TRIGGER sample_moved", "no trigger 'sample_moved'"},
      {"DROP INDEX sample_by_content", "no index 'sample_by_content'"},
      {"CREATE INDEX more ON sample (state) WHERE fingerprint LIKE '%a%'", "index 'more'"},
      {"CREATE TABLE more (x)", "table 'more'"},
      {"ALTER TABLE campaign ADD COLUMN more AS (zeroblob(900000000))", "table 'campaign' of another definition"},
      {"ALTER TABLE sample RENAME COLUMN score TO points", "table 'sample' of another definition"},
  }));
  const toy::Folder folder;
  change(ledger_in(folder), sql);
  refused(folder, word);
}

TEST_CASE("a ledger of an earlier version, whose schema has other comments, is assay's", "[ledger]") {
  const toy::Folder folder;
  fs::copy(fs::path(ASSAY_FIXTURES) / "format_1", folder / "c", fs::copy_options::recursive);
  CHECK(Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c")).counts().labels == 5);
  CHECK(Ledger::open(folder / "c/ledger.sqlite", objects_folder(folder / "c")).counts().labels == 5);  // and migrated
  // A quoted text is no comment, whatever it holds.
  change(
      folder / "c/ledger.sqlite",
      "DROP TRIGGER attempt_added; CREATE TRIGGER attempt_added AFTER INSERT ON attempt WHEN new.outcome NOT IN "
      "('--\ncopied', 'imported') BEGIN UPDATE tally SET n = n + 1 WHERE purpose = '*' AND state = 'simulations'; END");
  CHECK_THROWS_WITH(Ledger::open(folder / "c/ledger.sqlite", objects_folder(folder / "c")),
                    Contains("trigger 'attempt_added' of another definition"));
}

TEST_CASE("R16: a table whose pages lead round and round is given up", "[hostile][ledger][r16]") {
  const toy::Folder folder;
  const fs::path file = ledger_in(folder, 400);
  // Every child of the root is the one next page, and so on: eighteen pages of three hundred children, over a page of
  // rows.
  std::uint32_t root = 0;
  {
    sqlite3* handle = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
    sqlite3_stmt* row = nullptr;
    REQUIRE(sqlite3_prepare_v2(handle, "SELECT rootpage FROM sqlite_master WHERE name = 'sample'", -1, &row, nullptr) ==
            SQLITE_OK);
    REQUIRE(sqlite3_step(row) == SQLITE_ROW);
    root = static_cast<std::uint32_t>(sqlite3_column_int64(row, 0));
    sqlite3_finalize(row);
    sqlite3_close(handle);
  }
  const std::string bytes = assay::detail::read_file(file);
  const std::size_t page = static_cast<unsigned char>(bytes[16]) * 256 + static_cast<unsigned char>(bytes[17]);
  REQUIRE(page == 4096);
  const std::size_t at = (root - 1) * page;
  REQUIRE(bytes[at] == 5);  // an inner page of a table
  const auto leaf = [&] {   // its first child
    const std::size_t cell = static_cast<unsigned char>(bytes[at + 12]) * 256 +
                             static_cast<unsigned char>(bytes[at + 13]);
    return bytes.substr(at + cell, 4);
  }();
  const auto pages = static_cast<std::uint32_t>(bytes.size() / page);
  const auto inner = [&](const std::string& child) {
    constexpr std::uint32_t cells = 300;
    std::string content("\x05\x00\x00", 3);
    content += big_endian(cells, 2) + big_endian(static_cast<std::uint32_t>(page) - 6 * cells, 2);
    content += std::string(1, '\0') + child;
    for (std::uint32_t i = 0; i < cells; ++i)
      content += big_endian(static_cast<std::uint32_t>(page) - 6 * (cells - i), 2);
    content.resize(page - 6 * cells);
    for (std::uint32_t i = 0; i < cells; ++i) content += child + std::string("\x81\x00", 2);  // key 128
    return content;
  };
  std::string more;
  for (std::uint32_t i = 0; i < 17; ++i) more += inner(i == 16 ? leaf : big_endian(pages + i + 2, 4));
  put_bytes(file, at, inner(big_endian(pages + 1, 4)));
  put_bytes(file, bytes.size(), more);
  put_bytes(file, 28, big_endian(pages + 17, 4));
  const Ledger ledger = Ledger::open_read_only(file, objects_folder(folder.path()));
  const long before = peak_mib();
  CHECK_THROWS_WITH(ledger.objects_in_use(), Contains("far longer than the file is large"));
  CHECK(peak_mib() - before < 200);
}

TEST_CASE("a long statement over a large ledger is no runaway", "[hostile][ledger]") {
  const toy::Folder folder;
  const fs::path file = ledger_in(folder, 20'000);
  const Ledger ledger = Ledger::open_read_only(file, objects_folder(folder.path()));
  CHECK(ledger.problems().empty());
  CHECK(ledger.entries().size() == 20'000);
  CHECK(ledger.counts_after(0).labels == 0);
}

TEST_CASE("R16: pipes, links and folders in place of SQLite's files are refused at once", "[hostile][ledger][r16]") {
  const auto suffix = GENERATE(as<std::string>(), "", "-journal", "-wal", "-shm");
  const toy::Folder folder, elsewhere;
  const fs::path file = ledger_in(folder), place = file.string() + suffix;
  const auto check = [&](const char* word) {
    CHECK_THROWS_WITH(Ledger::open(file, objects_folder(folder.path())), Contains(word));
    CHECK_THROWS_WITH(Ledger::open_read_only(file, objects_folder(folder.path())), Contains(word));
    fs::remove(place);
  };
  fs::remove(place);
  REQUIRE(::mkfifo(place.c_str(), 0600) == 0);
  check("a pipe");
  fs::create_symlink("/dev/zero", place);
  check("assay.file.link");
  assay::detail::write_file(elsewhere / "precious", "precious");
  fs::create_symlink(elsewhere / "precious", place);
  check("assay.file.link");
  fs::create_directory(place);
  check("a folder");
  CHECK(assay::detail::read_file(elsewhere / "precious") == "precious");
}

TEST_CASE("a journal that names another file is not followed to it", "[hostile][ledger][r16]") {
  const toy::Folder folder, elsewhere;
  const fs::path file = ledger_in(folder), precious = elsewhere / "precious";
  assay::detail::write_file(precious, "what SQLite takes for names of journals, and deletes with them");
  const std::string mark("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8), name = precious.string();
  std::uint32_t sum = 0;
  for (const char c : name) sum += static_cast<std::uint32_t>(static_cast<signed char>(c));
  std::string journal = mark + big_endian(0, 4) + big_endian(7, 4) + big_endian(1, 4) + big_endian(512, 4) +
                        big_endian(4096, 4);
  journal.resize(512);
  journal += big_endian(1, 4) + name + big_endian(static_cast<std::uint32_t>(name.size()), 4) + big_endian(sum, 4) +
             mark;
  assay::detail::write_file(file.string() + "-journal", journal);
  CHECK_THROWS_WITH(Ledger::open(file, objects_folder(folder.path()), Journal::rollback),
                    Contains("assay.ledger.journal"));
  CHECK_THROWS_WITH(Ledger::exists(file), Contains("assay.ledger.journal"));
  CHECK(fs::exists(precious));
}

TEST_CASE("ids, rounds and counts from which one cannot count on are refused", "[hostile][ledger]") {
  const auto sql = GENERATE(
      as<std::string>(), "UPDATE sample SET id = 9223372036854775807 WHERE id = 2",
      "UPDATE sample SET id = -5 WHERE id = 2", "UPDATE sample SET round = 9223372036854775807 WHERE id = 2",
      "UPDATE round SET round = 9223372036854775807", "UPDATE round SET round = -1",
      "UPDATE sample SET integrated = 9223372036854775807 WHERE id = 1",
      "UPDATE campaign SET sequence = 9223372036854775807", "UPDATE campaign SET sequence = 'many'");
  const toy::Folder folder;
  change(ledger_in(folder), sql);
  refused(folder, "assay.ledger.range");
}

TEST_CASE("F22: a path that SQLite cannot take is refused with its length, before anything is made",
          "[hostile][ledger][f22]") {
  const toy::Folder folder;
  fs::path deep = folder.path();
  while (deep.string().size() < 520) deep /= std::string(100, 'd');
  fs::create_directories(deep);
  CHECK_THROWS_WITH(Ledger::create(deep / "ledger.sqlite", "id", deep / "objects"),
                    Contains("assay.ledger.path") && Contains("at most 500 bytes"));
  DriverOptions options = toy::options(deep / "c");
  CHECK_THROWS_WITH(toy::driver(options), Contains("assay.ledger.path"));
  CHECK_FALSE(fs::exists(deep / "c"));
}
