// SPDX-License-Identifier: Apache-2.0
// A campaign with nothing in it but what keeps two hosts apart: the lock, the ledger's file and SQLite's commits. Says
// on standard output what it does, one line each; what it reports as accepted has to be in the ledger for ever.
//
//   writer run DIRECTORY NAME COUNT [LEASE_MS [PAUSE_MS]]   accepts samples until there are COUNT, with pauses between
//   writer look DIRECTORY TIMES                  reads all of the ledger, again and again
//   writer list DIRECTORY                        prints "ID NAME" for each sample of the ledger
#include "../../src/detail/current_ledger.hpp"
#include "../../src/detail/lease.hpp"
#include "../../src/store/sqlite.hpp"

#include <assay/detail/campaign_lock.hpp>
#include <assay/error.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

namespace {

using namespace assay;
using namespace assay::detail;
using assay::store::Database;
using assay::store::Statement;
using assay::store::Transaction;
namespace fs = std::filesystem;

/// Long enough that a sample spreads over pages, and tells whether it is whole.
std::string payload(std::int64_t id, const std::string& name) {
  std::string text;
  while (text.size() < 6000) text += std::to_string(id) + " of " + name + ";";
  return text;
}

template <class... Values>
void say(const char* format, Values... values) {
  std::printf(format, values...);
  std::printf("\n");
  std::fflush(stdout);
}

std::int64_t count(Database& database) {
  Statement row = database.prepare("SELECT count(*) FROM sample");
  row.next();
  return row.integer(0);
}

int run(const fs::path& directory, const std::string& name, std::int64_t wanted, std::chrono::milliseconds stale,
        std::chrono::milliseconds pause) {
  fs::create_directories(directory);
  LeaseRules rules;
  rules.stale = stale;
  rules.renewal = stale / 6;
  std::optional<CampaignLock> lock;
  while (!lock) {
    try {
      lock.emplace(directory, Storage::shared, Damaged::refused, rules);
    } catch (const CheckpointError& error) {
      if (error.id() != "assay.campaign.locked") throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  say("holds %s", lock->ledger().filename().c_str());
  Database database(lock->ledger(), /*writable=*/true);
  database.run("PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL;");
  database.run("CREATE TABLE IF NOT EXISTS sample (id INTEGER PRIMARY KEY, name TEXT, payload TEXT)");
  for (std::int64_t id = count(database); id < wanted; ++id) {
    std::this_thread::sleep_for(pause);
    lock->check();
    Transaction transaction(database);
    const std::string text = payload(id, name);
    database.prepare("INSERT INTO sample VALUES (?, ?, ?)")
        .all(id, std::string_view(name), std::string_view(text))
        .run();
    transaction.commit();
    lock->check();
    say("accepted %lld %s", static_cast<long long>(id), name.c_str());
  }
  say("done");
  return 0;
}

/// \return how many samples there are; exits if they are not whole.
std::int64_t read_all(const fs::path& directory, bool print) {
  const fs::path file = current_ledger(directory);
  if (!fs::exists(file)) return 0;
  Database database(file, /*writable=*/false);
  Statement made = database.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'sample'");
  if (!made.next() || made.integer(0) == 0) return 0;
  Statement rows = database.prepare("SELECT id, name, payload FROM sample ORDER BY id");
  std::int64_t next = 0;
  for (; rows.next(); ++next) {
    if (rows.integer(0) != next || rows.bytes(2) != payload(next, rows.bytes(1))) {
      say("wrong %lld", static_cast<long long>(next));
      std::exit(5);
    }
    if (print) say("%lld %s", static_cast<long long>(next), rows.bytes(1).c_str());
  }
  return next;
}

int look(const fs::path& directory, int times) {
  std::int64_t seen = 0, misses = 0;
  for (int i = 0; i < times; ++i) {
    try {
      const std::int64_t now = read_all(directory, /*print=*/false);
      if (now < seen) {
        say("fewer %lld", static_cast<long long>(now));
        return 5;
      }
      seen = now;
    } catch (const CheckpointError& error) {
      if (error.id() != "assay.file" && error.id() != "assay.ledger.busy") throw;
      ++misses;  // removed, for a newer one, between the question and the reading
    }
  }
  say("looked %d missed %lld seen %lld", times, static_cast<long long>(misses), static_cast<long long>(seen));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string action = argc > 2 ? argv[1] : "";
  try {
    if (action == "run" && argc > 4) {
      return run(argv[2], argv[3], std::atoll(argv[4]),
                 std::chrono::milliseconds(argc > 5 ? std::atoll(argv[5]) : 2000),
                 std::chrono::milliseconds(argc > 6 ? std::atoll(argv[6]) : 0));
    }
    if (action == "look" && argc > 3) return look(argv[2], std::atoi(argv[3]));
    if (action == "list") return read_all(argv[2], /*print=*/true) < 0;
  } catch (const Error& error) {
    say(error.id() == "assay.campaign.lease_lost" ? "lost %s" : "error %s", error.what());
    return error.id() == "assay.campaign.lease_lost" ? 3 : 4;
  }
  std::fprintf(stderr, "usage: writer run|look|list DIRECTORY ...\n");
  return 2;
}
