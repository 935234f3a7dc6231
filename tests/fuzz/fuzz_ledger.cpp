// SPDX-License-Identifier: Apache-2.0
// The database of a campaign, as a stranger may leave it: SQL that is run on a good one (views, triggers, columns),
// then patches, between NUL bytes. A patch is six bytes: where (four, little-endian, from the start of the database, or
// with the highest bit of the log), what to do (put, add, exchange) and with what. An input that begins with 'w' has
// its rows in a write-ahead log, whose checksums are put right; 'u' has such a log as the patches leave it; 'j' has the
// rest of the patches' bytes as a journal beside it.
#include "../support/folder.hpp"
#include "fuzz.hpp"

#include <assay/detail/files.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>

#include <sqlite3.h>
#include <algorithm>
#include <cstring>
#include <filesystem>

namespace {

using namespace assay;
namespace fs = std::filesystem;

fuzz::Tally tally("fuzz_ledger");

/// The bytes of a good database, and of its log.
struct Good {
  std::string database, log;

  explicit Good(const fs::path& folder, Journal journal) {
    const fs::path file = folder / "good.sqlite";
    Ledger ledger = Ledger::create(file, "id", objects_folder(folder), "{\"label_version\": \"\"}", journal);
    const auto inputs_of = [](SampleId id) { return Values{{"x", 0.5 * static_cast<double>(id)}}; };
    std::vector<NewEntry> entries;
    for (SampleId id = 0; id < 16; ++id) {
      entries.push_back({.id = id,
                         .rank = id,
                         .score = 0.5,
                         .strategy = "s",
                         .inputs = inputs_of(id),
                         .fingerprint = fingerprint(inputs_of(id))});
    }
    State state;
    state.json["n"] = 3;
    state.tensors.set("t", Values{{"t", std::vector<double>{1.0, 2.0}}}.at("t"));
    ledger.commit_batch(1, entries, state);
    std::vector<ArchivedLabel> archived;
    for (const SampleId id : {11, 40}) {
      archived.push_back({.fingerprint = fingerprint(inputs_of(id)),
                          .inputs = inputs_of(id),
                          .labels = Values{{"y", 2.5}},
                          .source = "table.csv"});
    }
    ledger.add_to_archive(archived);
    ledger.answer(11, archived.front().fingerprint);
    for (SampleId id = 0; id < 6; ++id) ledger.complete(id, ledger.start_attempt(id, ""), Values{{"y", 1.5}}, 2.0);
    const Values large{{"y", std::vector<double>(10'000, 1.5)}};  // stands in a file of its own
    ledger.complete(6, ledger.start_attempt(6, ""), large, 2.0);
    ledger.fail(7, ledger.start_attempt(7, ""), failed("bad"), 1.0);
    ledger.fail(8, ledger.start_attempt(8, ""), failed("shape"), 1.0, Values{{"y", std::vector<double>{1.0, 2.0}}});
    ledger.start_attempt(9, "");
    ledger.integrate(1, std::vector<SampleId>{0, 1, 2, 3, 6});
    ledger.withdraw(std::vector<SampleId>{5}, "by mistake");
    ledger.record_picks_file(1, std::string(64, 'a'));
    ledger.record_seconds(1, 3.5);
    database = assay::detail::read_file(file);
    if (fs::exists(file.string() + "-wal")) log = assay::detail::read_file(file.string() + "-wal");
  }
};

void run(const fs::path& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  if (sqlite3_open(file.c_str(), &handle) == SQLITE_OK) {
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, 100'000);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    int looks = 0;
    sqlite3_progress_handler(
        handle, 1000, [](void* count) { return ++*static_cast<int*>(count) > 20 ? 1 : 0; }, &looks);
    sqlite3_exec(handle, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY", nullptr, nullptr, nullptr);
    sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
  }
  sqlite3_close(handle);
}

void patch(std::string_view patches, std::string& database, std::string& log) {
  for (; patches.size() >= 6; patches.remove_prefix(6)) {
    std::uint32_t place = 0;
    std::memcpy(&place, patches.data(), 4);
    constexpr std::uint32_t in_log = std::uint32_t{1} << 31;
    std::string& bytes = (place & in_log) != 0 && !log.empty() ? log : database;
    char& byte = bytes[(place & ~in_log) % bytes.size()];
    const char with = patches[5];
    switch (patches[4] % 3) {
      case 0: byte = with; break;
      case 1: byte = static_cast<char>(byte + with); break;
      default: byte = static_cast<char>(byte ^ with); break;
    }
  }
}

std::uint32_t number_at(const std::string& bytes, std::size_t place, bool big) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number |= std::uint32_t{static_cast<unsigned char>(bytes[place + i])} << (8 * (big ? 3 - i : i));
  }
  return number;
}

void put_number(std::string& bytes, std::size_t place, std::uint32_t number) {
  for (std::size_t i = 0; i < 4; ++i) bytes[place + i] = static_cast<char>(number >> (8 * (3 - i)));
}

/// Puts the checksums of a log right, as "The SQLite File Format", section 4.2, has them.
void seal(std::string& log) {
  constexpr std::size_t header = 32, frame_header = 24, page = 4096;
  if (log.size() < header) return;
  const bool big = (static_cast<unsigned char>(log[3]) & 1) != 0;
  std::uint32_t a = 0, b = 0;
  const auto add = [&](std::size_t first, std::size_t size) {
    for (std::size_t i = first; i < first + size; i += 8) {
      a += number_at(log, i, big) + b;
      b += number_at(log, i + 4, big) + a;
    }
  };
  add(0, 24);
  put_number(log, 24, a);
  put_number(log, 28, b);
  for (std::size_t frame = header; frame + frame_header + page <= log.size(); frame += frame_header + page) {
    std::copy_n(log.begin() + 16, 8, log.begin() + static_cast<std::ptrdiff_t>(frame) + 8);
    add(frame, 8);
    add(frame + frame_header, page);
    put_number(log, frame + 16, a);
    put_number(log, frame + 20, b);
  }
}

void read_all(const Ledger& ledger) {
  tally.count("opened");
  const auto look = [](const char* what, const auto& at) {
    if (fuzz::accepts(at)) tally.count(what);
  };
  look("counts", [&] { ledger.counts(); });
  look("counts after", [&] { ledger.counts_after(1); });
  look("batch", [&] { ledger.batch(1); });
  look("objects", [&] { ledger.objects_in_use(); });
  look("entries", [&] {
    for (const LedgerEntry& entry : ledger.entries()) fuzz::accepts([&] { ledger.record(entry.id); });
  });
  look("integrated", [&] {
    ledger.for_each_integrated(0, 4,
                               [](const IntegratedRow& row) { tally.count(row.inputs.empty() ? "empty" : "rows"); });
  });
  look("problems", [&] { ledger.problems(); });
  look("picked", [&] { ledger.picked(); });
  look("state", [&] { ledger.in_state(SampleState::running); });
  look("sequence", [&] { ledger.sequence(); });
  look("strategy state", [&] { ledger.strategy_state(1); });
  look("picks", [&] { ledger.for_each_pick(1, [](const LedgerEntry&, std::span<const std::byte>) {}); });
  look("queue", [&] { ledger.queue(5); });
  look("labeled", [&] { ledger.labeled(ledger.integrated(0)); });
  look("inputs", [&] { ledger.inputs(ledger.not_integrated()); });
  look("attempts", [&] { ledger.last_attempts(SampleState::failed); });
  look("archive", [&] {
    for (const ArchivedLabel& label : ledger.archived_labels()) ledger.answer_to(label.fingerprint);
  });
  look("answered", [&] { ledger.answered_after(1); });
  look("round files", [&] { ledger.round_files(1); });
  look("out of date", [&] { ledger.rounds_out_of_date(); });
  look("seconds", [&] { ledger.recorded_seconds(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tally.count("runs");
  static const temporary::MemoryFolder folder;
  static const Good plain(folder.path(), Journal::rollback);
  static const Good logged = [] {
    fs::remove(folder / "good.sqlite");
    return Good(folder.path(), Journal::write_ahead);
  }();
  if (size == 0) return 0;
  const fs::path file = folder / "ledger.sqlite";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(file.string() + suffix);
  const std::vector<std::string_view> parts = fuzz::split(fuzz::text_of(data + 1, size - 1), 2);
  const bool has_log = data[0] == 'w' || data[0] == 'u';
  std::string database = has_log ? logged.database : plain.database;
  std::string log = has_log ? logged.log : std::string();
  if (!parts[0].empty() && !has_log) {
    assay::detail::write_file(file, database);
    run(file, std::string(parts[0]));
    database = assay::detail::read_file(file);
    if (database.empty()) return 0;
  }
  patch(parts[1], database, log);
  assay::detail::write_file(file, database);
  if (has_log) {
    if (data[0] == 'w') seal(log);
    assay::detail::write_file(file.string() + "-wal", log);
  }
  if (data[0] == 'j') assay::detail::write_file(file.string() + "-journal", parts[1]);
  fuzz::accepts([&] {
    if (!Ledger::exists(file)) return;
    tally.count("there");
    read_all(Ledger::open_read_only(file, objects_folder(folder.path())));
  });
  fuzz::accepts([&] {
    Ledger ledger = Ledger::open(file, objects_folder(folder.path()), Journal::rollback);
    tally.count("writable");
    const int attempt = ledger.start_attempt(10, "");
    ledger.complete(10, attempt, Values{{"y", 1.5}}, 2.0);
  });
  return 0;
}
