// SPDX-License-Identifier: Apache-2.0
#include "../src/store/log_check.hpp"
#include "../src/store/sqlite.hpp"
#include "../src/store/store.hpp"
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <utility>

using namespace assay;
using namespace assay::store;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t samples_per_round = 12;

std::string label_of(std::int64_t id) { return "label " + std::to_string(id) + std::string(40, 'y'); }

/// A store with every kind of row: labels, failures, refused and archived ones, times, two rounds.
std::unique_ptr<Store> filled_store(const fs::path& folder) {
  auto ledger = Store::create(folder / "l.sqlite", folder / "objects", "campaign", "{\"seed\":1}", 2,
                              Journal::write_ahead);
  for (std::int64_t round = 1; round <= 2; ++round) {
    std::vector<std::string> inputs;
    std::vector<NewSample> batch;
    for (std::int64_t i = 0; i < samples_per_round; ++i)
      inputs.push_back("inputs " + std::to_string(round * 100 + i) + std::string(40, 'x'));
    for (std::int64_t i = 0; i < samples_per_round; ++i) {
      batch.push_back({.row = {.id = round * 100 + i,
                               .rank = i,
                               .purpose = "training",
                               .strategy = "s",
                               .score = 0.5,
                               .fingerprint = "f" + std::to_string(round * 100 + i)},
                       .inputs = inputs[static_cast<std::size_t>(i)]});
    }
    ledger->commit_batch({.round = round, .state_json = "{\"n\":3}", .state_tensors = "tensors"}, batch);
  }
  for (std::int64_t i = 0; i < samples_per_round; ++i) {
    const store::Start start{.id = 100 + i, .directory = "simulations/" + std::to_string(i), .handle = "h"};
    ledger->start({&start, 1}, Durable::now);
    const std::string label = label_of(100 + i);
    store::Ended ended{.id = 100 + i, .seconds = 1.5, .solver = "9.1"};
    if (i % 4 == 3) {
      ended.state = SampleState::failed;
      ended.outcome = "refused";
      ended.reason = "not finite";
      ended.refused = label;
    } else {
      ended.labels = label;
    }
    ledger->end({&ended, 1});
  }
  ledger->integrate(1, std::vector<std::int64_t>{102, 100, 101}, "digest of the file");
  const NewArchived archived{.fingerprint = "elsewhere", .inputs = "in", .labels = "out", .source = "table"};
  ledger->archive({&archived, 1});
  ledger->record_seconds(1, 12.5);
  return ledger;
}

/// All that a store holds, as text.
std::string content_of(const Store& store) {
  std::ostringstream all;
  const CampaignRow campaign = store.campaign();
  all << campaign.id << campaign.configuration << campaign.behavior << ' ' << campaign.sequence << ' '
      << campaign.next_place << '\n';
  for (const SampleRow& row : store.samples()) {
    all << row.id << ' ' << row.round << ' ' << row.rank << row.purpose << row.strategy << row.score.value_or(-1)
        << row.fingerprint << to_string(row.state) << row.attempts << ' ' << row.integrated.value_or(-1)
        << row.integrated_in.value_or(-1) << ' ' << store.inputs(row.id);
    if (row.labels) all << store.labels(row.id);
    for (const auto& [attempt, refused] : store.attempts(row.id)) {
      all << attempt.attempt << attempt.started << attempt.seconds.value_or(-1) << attempt.host << attempt.outcome
          << attempt.reason << attempt.output << attempt.directory << attempt.handle << attempt.solver
          << refused.value_or("none");
    }
    all << '\n';
  }
  for (const std::int64_t round : store.rounds()) {
    const RoundRow row = *store.round(round);
    all << row.round << row.state_json << row.state_tensors << row.picks_file << row.labels_file << '\n';
  }
  store.for_each_archived(/*unused=*/false,
                          [&](const ArchiveRow& row, std::string_view inputs, std::string_view labels) {
                            all << row.fingerprint << row.source << inputs << labels << '\n';
                          });
  for (const auto& [round, seconds] : store.clock()) all << round << ' ' << seconds << '\n';
  return all.str();
}

/// The files of a store whose process was killed: what it held is in the log alone.
void copy_files(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  for (const char* name : {"l.sqlite", "l.sqlite-wal"}) {
    if (fs::exists(from / name)) fs::copy_file(from / name, to / name);
  }
}

void flip(const fs::path& file, std::size_t bit) {
  std::string bytes = assay::detail::read_file(file);
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  assay::detail::write_file(file, bytes);
}

/// What opening and reading gives: the content, or nothing where it is refused.
std::optional<std::string> reopened(const fs::path& folder) {
  try {
    return content_of(*Store::open(folder / "l.sqlite", folder / "objects", Journal::write_ahead));
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// How many flips a test makes: a long run sets it in the environment.
int flips(int usual) {
  const char* wanted = std::getenv("ASSAY_FLIPS");
  return wanted ? std::atoi(wanted) : usual;
}

}  // namespace

TEST_CASE("a store gives back every kind of row after it is opened again", "[store]") {
  const toy::Folder folder;
  std::string before;
  {
    const auto store = filled_store(folder.path());
    before = content_of(*store);
    CHECK(store->damage().empty());
  }
  const auto store = Store::open(folder / "l.sqlite", folder / "objects", Journal::write_ahead);
  CHECK(content_of(*store) == before);
  CHECK(store->labels(101) == label_of(101));
  CHECK(store->campaign().next_place == 3);
  CHECK(store->sessions().size() == 1);  // looking is no change
}

TEST_CASE("no flipped bit of the database changes what is read", "[store][r8]") {
  const toy::Folder folder;
  fs::create_directories(folder / "whole");
  const std::string content = content_of(*filled_store(folder / "whole"));
  REQUIRE_FALSE(fs::exists(folder / "whole/l.sqlite-wal"));
  const std::string bytes = assay::detail::read_file(folder / "whole/l.sqlite");
  std::mt19937_64 random(7);
  // Half of them anywhere, half among the bytes of inputs and labels.
  std::vector<std::size_t> tensors;
  for (const std::string_view mark : {"xxxxxxxx", "yyyyyyyy"}) {
    for (std::size_t at = bytes.find(mark); at != std::string::npos; at = bytes.find(mark, at + 1))
      tensors.push_back(at);
  }
  REQUIRE(tensors.size() > 100);
  int refused = 0, same = 0;
  for (int i = 0; i < flips(400); ++i) {
    copy_files(folder / "whole", folder / "c");
    const std::size_t byte = i % 2 == 0 ? random() % bytes.size() : tensors[random() % tensors.size()];
    CAPTURE(i, byte);
    flip(folder / "c/l.sqlite", 8 * byte + random() % 8);
    const std::optional<std::string> read = reopened(folder / "c");
    if (read) {
      REQUIRE(*read == content);
      ++same;
    } else {
      ++refused;
    }
    if (i % 2 == 1) REQUIRE_FALSE(read);
  }
  CHECK(refused > same);
}

TEST_CASE("no flipped bit of the write-ahead log takes committed changes with it", "[store][r8]") {
  const toy::Folder folder;
  fs::create_directories(folder / "live");
  const auto store = filled_store(folder / "live");
  copy_files(folder / "live", folder / "killed");
  const std::string content = content_of(*store);
  copy_files(folder / "killed", folder / "c");
  REQUIRE(reopened(folder / "c") == content);
  const std::size_t size = fs::file_size(folder / "killed/l.sqlite-wal");
  REQUIRE(size > 20'000);
  std::mt19937_64 random(11);
  int refused = 0, mended = 0;
  for (int i = 0; i < flips(60); ++i) {
    copy_files(folder / "killed", folder / "c");
    // Every fifth in the last frame, every fifth in the header.
    const std::size_t byte = i % 5 == 0 ? size - 1 - random() % 4120 : i % 5 == 1 ? random() % 32 : random() % size;
    CAPTURE(i, byte);
    flip(folder / "c/l.sqlite-wal", 8 * byte + random() % 8);
    const std::optional<std::string> read = reopened(folder / "c");
    if (read) {
      REQUIRE(*read == content);
    } else {
      ++refused;
      // It is one bit, and can be turned back, but where the last word of the log and its checksum hide each other.
      REQUIRE(repair_log(folder / "c/l.sqlite"));
      const std::optional<std::string> again = reopened(folder / "c");
      if (again) REQUIRE(*again == content);
      mended += again ? 1 : 0;
    }
  }
  CHECK(refused > 0);
  CHECK(mended >= refused * 9 / 10);
}

TEST_CASE("a flipped bit is found in a log of the largest pages, wherever it is", "[store][r8]") {
  const toy::Folder folder;
  const fs::path file = folder / "l.sqlite";
  Database database(file, /*writable=*/true);
  database.run(
      "PRAGMA page_size = 65536; PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(9))");
  const std::string log = file.string() + "-wal", whole = assay::detail::read_file(log);
  REQUIRE(whole.size() >= 32 + 2 * (24 + 65536));  // two frames
  // Of the first frame: the number of its page, a salt, its checksum, the begin, middle and end of its page.
  for (const std::size_t byte : {0, 9, 17, 23, 24, 25 + 32768, 23 + 65536}) {
    CAPTURE(byte);
    flip(log, 8 * (32 + byte) + byte % 8);
    CHECK((log_damage(file) && repair_log(file)));
    CHECK(assay::detail::read_file(log) == whole);
    assay::detail::write_file(log, whole);
  }
}

TEST_CASE("a log that a power cut tore is no damage", "[store]") {
  const toy::Folder folder;
  fs::create_directories(folder / "live");
  const auto store = filled_store(folder / "live");
  copy_files(folder / "live", folder / "c");
  const fs::path log = folder / "c/l.sqlite-wal";
  const std::size_t size = fs::file_size(log);
  std::string bytes = assay::detail::read_file(log);
  SECTION("in the middle of a frame") { bytes.resize(size - 1000); }
  SECTION("with a page that was never written") { std::fill(bytes.end() - 2000, bytes.end(), '\0'); }
  assay::detail::write_file(log, bytes);
  CHECK_FALSE(log_damage(folder / "c/l.sqlite"));
  CHECK(reopened(folder / "c"));
}

TEST_CASE("a damaged frame before others that are whole is damage", "[store][r8]") {
  const toy::Folder folder;
  fs::create_directories(folder / "live");
  const auto store = filled_store(folder / "live");
  copy_files(folder / "live", folder / "c");
  const fs::path log = folder / "c/l.sqlite-wal";
  std::string bytes = assay::detail::read_file(log);
  std::fill(bytes.begin() + 32 + 24 + 100, bytes.begin() + 32 + 24 + 200, '\7');
  assay::detail::write_file(log, bytes);
  CHECK_FALSE(reopened(folder / "c"));
  CHECK_FALSE(repair_log(folder / "c/l.sqlite"));
  CHECK_THROWS_WITH(require_whole_log(folder / "c/l.sqlite"), Contains("assay.ledger.log") && Contains("--repair"));
}

TEST_CASE("rows that are missing, of another moment, or of another campaign do not add up", "[store][r8]") {
  const toy::Folder folder;
  filled_store(folder.path());
  const auto edit = [&](const char* sql) {
    Database database(folder / "l.sqlite", true);
    database.run(sql);
  };
  SECTION("a label with its digest in another sample's place") {
    edit(
        "UPDATE sample SET labels = (SELECT labels FROM sample WHERE id = 101), labels_digest = (SELECT labels_digest "
        "FROM "
        "sample WHERE id = 101) WHERE id = 100");
  }
  SECTION("two whole rows exchanged") {
    edit(
        "UPDATE sample SET id = 999 WHERE id = 100; UPDATE sample SET id = 100 WHERE id = 101; UPDATE sample SET id = "
        "101 "
        "WHERE id = 999;");
  }
  SECTION("an attempt that is gone") { edit("DELETE FROM attempt WHERE id = 103"); }
  SECTION("a recorded time") { edit("UPDATE clock SET seconds = 13"); }
  SECTION("an archived label") { edit("UPDATE archive SET labels = x'00'"); }
  SECTION("a count") { edit("UPDATE tally SET n = n + 1 WHERE state = 'done'"); }
  SECTION("the configuration") { edit("UPDATE campaign SET configuration = '{}'"); }
  SECTION("the round's state") { edit("UPDATE round SET state_json = '{}'"); }
  SECTION("a session") { edit("UPDATE session SET first = 3"); }
  CHECK_THROWS_WITH(Store::open(folder / "l.sqlite", folder / "objects", Journal::write_ahead),
                    Contains("assay.ledger.damaged"));
}

TEST_CASE("a label that is taken back stays with its attempt, and its place stays empty", "[store]") {
  const toy::Folder folder;
  const auto store = filled_store(folder.path());
  CHECK(store->withdraw(std::vector<std::int64_t>{100, 103, 7}, "the solver had a bug", SampleState::queued) == 1);
  const SampleRow row = store->sample(100);
  CHECK(row.state == SampleState::queued);
  CHECK_FALSE(row.integrated);
  CHECK_THROWS_WITH(store->labels(100), Contains("assay.ledger.labels"));
  const auto attempts = store->attempts(100);
  REQUIRE(attempts.size() == 1);
  CHECK(attempts[0].first.outcome == "withdrawn");
  CHECK(attempts[0].first.reason == "the solver had a bug");
  CHECK(attempts[0].second == label_of(100));
  CHECK(store->campaign().next_place == 3);
  std::vector<std::int64_t> left;
  store->for_each_integrated(0, 3, [&](const SampleRow& sample, auto, auto) { left.push_back(sample.id); });
  CHECK(left == std::vector<std::int64_t>{102, 101});
  CHECK(store->damage().empty());
  store->integrate(2, std::vector<std::int64_t>{104}, "");
  CHECK(store->sample(104).integrated == 3);
}

TEST_CASE("counts are those of the rows after every kind of change", "[store]") {
  const toy::Folder folder;
  const auto ledger = filled_store(folder.path());
  const auto require_counted = [&](const char* after) {
    INFO(after);
    CHECK(ledger->damage().empty());  // compares them with the rows
    std::map<std::string, std::int64_t> counted;
    for (const Store::Tally& tally : ledger->tally()) counted[tally.state] += tally.count;
    for (const SampleRow& row : ledger->samples()) --counted[std::string(to_string(row.state))];
    for (const SampleRow& row : ledger->samples()) counted["simulations"] -= row.attempts;
    for (const auto& [state, left] : counted) CHECK(left == 0);
  };
  require_counted("labels and failures");
  const std::vector<std::int64_t> failed{103, 107}, labeled{100, 104}, queued{200, 201, 202};
  CHECK(ledger->move(failed, std::array{SampleState::failed}, SampleState::queued) == 2);
  require_counted("queued again");
  CHECK(ledger->withdraw(labeled, "wrong mesh", SampleState::abandoned) == 2);
  require_counted("taken back");
  std::vector<store::Start> starts;
  for (const std::int64_t id : queued) starts.push_back({.id = id, .directory = "d"});
  ledger->start(starts, Durable::now);
  require_counted("started");
  CHECK(ledger->last_attempts(SampleState::running).size() == 3);
  CHECK(ledger->interrupt(queued) == 3);
  require_counted("interrupted");
  // One that fails changes nothing.
  starts.push_back({.id = 999, .directory = "d"});
  CHECK_THROWS_WITH(ledger->start(starts, Durable::now), Contains("sample 999"));
  require_counted("a change that failed");
}

TEST_CASE("what was read of the queue is known to be old when the queue was changed by more than starts", "[store]") {
  const toy::Folder folder;
  const auto ledger = filled_store(folder.path());
  std::vector<std::int64_t> seen;
  ledger->for_each_queued(5, [&](const SampleRow& row, std::optional<std::string_view> inputs) {
    seen.push_back(row.id);
    CHECK(inputs == "inputs " + std::to_string(row.id) + std::string(40, 'x'));
  });
  CHECK(seen == std::vector<std::int64_t>{200, 201, 202, 203, 204});
  std::int64_t before = ledger->queue_changes();
  const auto has_changed = [&] { return std::exchange(before, ledger->queue_changes()) != before; };
  const store::Start start{.id = 200, .directory = "d"};
  ledger->start({&start, 1}, Durable::with_next);
  CHECK_FALSE(has_changed());
  const std::vector<std::int64_t> running{200}, failed{103}, labeled{100};
  CHECK(ledger->interrupt(running) == 1);
  CHECK(has_changed());
  CHECK(ledger->move(failed, std::array{SampleState::failed}, SampleState::queued) == 1);
  CHECK(has_changed());
  CHECK(ledger->withdraw(labeled, "wrong mesh", SampleState::queued) == 1);
  CHECK(has_changed());
  const store::Start labeled_one{.id = 201, .directory = "d"};
  ledger->start({&labeled_one, 1}, Durable::now);
  const std::string label = label_of(201);
  const store::Ended done{.id = 201, .seconds = 1, .labels = label};
  has_changed();
  ledger->end({&done, 1});
  CHECK_FALSE(has_changed());
  ledger->start({&start, 1}, Durable::now);
  const store::Ended again{.id = 200, .attempt = 2, .state = SampleState::queued, .outcome = "failed", .seconds = 1};
  has_changed();
  ledger->end({&again, 1});
  CHECK(has_changed());
  const NewSample more{.row = {.id = 300, .rank = 0, .purpose = "training", .strategy = "s", .fingerprint = "f300"},
                       .inputs = "inputs"};
  ledger->commit_batch({.round = 3, .state_json = "{}", .state_tensors = "tensors"}, {&more, 1});
  CHECK(has_changed());
}

TEST_CASE("a ledger of format 2 is sealed when it is opened, and read from a copy before", "[store]") {
  // As the version before wrote it: tables of format 2, without digests.
  const toy::Folder folder;
  fs::copy_file(fs::path(ASSAY_FIXTURES) / "format_2/ledger.sqlite", folder / "l.sqlite");
  const std::string before = assay::detail::read_file(folder / "l.sqlite");
  {
    const auto looked_at = Store::open_read_only(folder / "l.sqlite", folder / "objects");
    CHECK(looked_at->damage().empty());
    CHECK(looked_at->campaign().behavior == 1);
  }
  CHECK(assay::detail::read_file(folder / "l.sqlite") == before);
  const auto store = Store::open(folder / "l.sqlite", folder / "objects", Journal::write_ahead);
  CHECK(store->damage().empty());
  CHECK(store->campaign().behavior == 1);
  CHECK_FALSE(store->samples().empty());
}
