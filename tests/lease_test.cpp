// SPDX-License-Identifier: Apache-2.0
// Who may write to a directory that several hosts reach. Hosts and their processes are made up here, and times are
// those that files are given; tests/two_hosts tries the same with kernels of their own on real NFS.
#include "support/catch.hpp"
#include "support/folder.hpp"
#include "support/child.hpp"
#include "support/error_id.hpp"
#include "support/leases.hpp"

#include "../src/detail/current_ledger.hpp"
#include "../src/detail/lease.hpp"

#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

using namespace assay;
using namespace assay::detail;
using namespace leases;
namespace fs = std::filesystem;

TEST_CASE("a lease that is held and young is refused to every other host, naming its holder", "[lease]") {
  const Place place;
  Lease lease(place.path(), from("a"));
  lease.establish(0);
  CHECK_THROWS_WITH(Lease(place.path(), from("b")),
                    Contains("assay.campaign.locked") && Contains("process 7 on host a"));
  CHECK_NOTHROW(lease.check());
}

TEST_CASE("a lease is taken over when it is older than the limit by the file system's clock, to the millisecond",
          "[lease]") {
  const Place place;
  const auto stale = LeaseRules().stale;
  leave_behind(place.path(), 1, from("a").me);
  // Whole seconds would see no difference between these two.
  age(place / "lease.1.json", stale - std::chrono::milliseconds(700));
  CHECK(id_of_error([&] { Lease(place.path(), from("b")); }) == "assay.campaign.locked");
  age(place / "lease.1.json", stale + std::chrono::milliseconds(200));
  Lease lease(place.path(), from("b"));
  CHECK(lease.generation() == 2);
  CHECK(lease.inherited().writer_may_live);
  CHECK(text_of(place / "lease.1.json").taken);
}

TEST_CASE("R2: equal names of hosts never lead to a theft: another boot or another namespace of processes may live",
          "[lease][r2]") {
  const Place place;
  Holder other = this_holder();
  const std::string changed = GENERATE("boot", "space", "nothing is known");
  INFO(changed);
  other.process = 999'999'999;  // no such process here
  if (changed == "boot") other.boot = "another";
  if (changed == "space") other.space = "pid:[1]";
  if (changed == "nothing is known") other.boot = other.space = other.started = "";
  CHECK_FALSE(known_dead(other));
  leave_behind(place.path(), 1, other);
  CHECK(id_of_error([&] { Lease lease(place.path()); }) == "assay.campaign.locked");
}

TEST_CASE("a holder of this kernel and namespace that is gone is followed at once, and its ledger gone on with",
          "[lease]") {
  const Place place;
  Holder gone = this_holder();
  const std::string how = GENERATE("no such process", "another process of the same number");
  INFO(how);
  if (how == "no such process") gone.process = 999'999'999;
  if (how != "no such process") gone.started = "1";
  CHECK(known_dead(gone));
  leave_behind(place.path(), 1, gone, 0);
  const Lease lease(place.path());
  CHECK(lease.inherited().ledger == 0);
  CHECK_FALSE(lease.inherited().writer_may_live);
}

TEST_CASE("this very process is known to live", "[lease]") { CHECK_FALSE(known_dead(this_holder())); }

TEST_CASE("a child that was killed is known to be dead, one that runs is not", "[lease]") {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string who = to_json(this_holder()).dump();
    const bool said = ::write(ready[1], who.data(), who.size()) == static_cast<ssize_t>(who.size());
    ::pause();
    ::_exit(said ? 0 : 1);
  }
  char who[2048] = {};
  REQUIRE(::read(ready[0], who, sizeof who) > 0);
  const std::optional<Holder> holder = holder_from(Json::parse(who));
  REQUIRE(holder);
  CHECK(holder->process == child);
  CHECK_FALSE(known_dead(*holder));
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(known_dead(*holder));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("who was taken over from learns it with the next check, however shortly before it looked last", "[lease]") {
  const Place place;
  LeaseRules rules = from("a");
  rules.renewal = std::chrono::hours(1);
  Lease first(place.path(), rules);
  first.establish(0);
  first.check();
  age(place / "lease.1.json", std::chrono::minutes(2));
  const Lease second(place.path(), from("b"));
  CHECK_THROWS_WITH(first.check(), Contains("assay.campaign.lease_lost") && Contains("taken over"));
  CHECK_THROWS_WITH(first.check(), Contains("assay.campaign.lease_lost"));
  CHECK_NOTHROW(second.check());
}

TEST_CASE("a holder that lost its lease does not give its successor's away when it ends", "[lease]") {
  const Place place;
  LeaseRules rules = from("a");
  rules.renewal = std::chrono::hours(1);
  auto first = std::make_unique<Lease>(place.path(), rules);
  first->establish(0);
  age(place / "lease.1.json", std::chrono::minutes(2));
  Lease second(place.path(), from("b"));
  second.establish(2);
  first.reset();
  CHECK_NOTHROW(second.check());
  CHECK(id_of_error([&] { Lease(place.path(), from("c")); }) == "assay.campaign.locked");
  CHECK(text_of(place / "lease.2.json").state == LeaseState::held);
}

TEST_CASE("a holder renews its lease while it lives", "[lease]") {
  const Place place;
  LeaseRules rules = from("a");
  rules.renewal = std::chrono::milliseconds(20);
  const Lease lease(place.path(), rules);
  age(place / "lease.1.json", std::chrono::hours(1));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  bool renewed = false;
  while (!renewed && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    struct stat status {};
    REQUIRE(::stat((place / "lease.1.json").c_str(), &status) == 0);
    renewed = status.st_mtim.tv_sec > ::time(nullptr) - 1800;
  }
  CHECK(renewed);
  CHECK(id_of_error([&] { Lease(place.path(), from("b")); }) == "assay.campaign.locked");
}

TEST_CASE("a lease whose file is gone is lost", "[lease]") {
  const Place place;
  Lease lease(place.path(), from("a"));
  lease.establish(0);
  LeaseRules rules = from("b");
  rules.stale = std::chrono::milliseconds(-1'000'000);  // everything is old
  Lease other(place.path(), rules);
  other.establish(2);
  other.remove_earlier();
  CHECK(id_of_error([&] { lease.check(); }) == "assay.campaign.lease_lost");
}

TEST_CASE("a released lease is followed at once, by a higher number, on the same ledger", "[lease]") {
  const Place place;
  {
    Lease lease(place.path(), from("a"));
    lease.establish(5);
  }
  CHECK(text_of(place / "lease.1.json").state == LeaseState::released);
  const Lease lease(place.path(), from("b"));
  CHECK(lease.generation() == 2);
  CHECK(lease.inherited().ledger == 5);
  CHECK_FALSE(lease.inherited().writer_may_live);
}

TEST_CASE("one that gave up before it held the lease hides neither the ledger nor the writer before it", "[lease]") {
  const Place place;
  leave_behind(place.path(), 1, from("a").me, 3);
  age(place / "lease.1.json", std::chrono::minutes(2));
  { const Lease gave_up(place.path(), from("b")); }
  CHECK(text_of(place / "lease.2.json").state == LeaseState::gave_up);
  const Lease lease(place.path(), from("c"));
  CHECK(lease.generation() == 3);
  CHECK(lease.inherited().ledger == 3);
  CHECK(lease.inherited().writer_may_live);
}

TEST_CASE("one that was killed before it marked the holder it followed leaves that to its successor", "[lease]") {
  const Place place;
  leave_behind(place.path(), 4, from("a").me, 3);
  leave_behind(place.path(), 5, from("b").me, 0, LeaseState::opening, 4);
  age(place / "lease.5.json", std::chrono::minutes(2));
  const Lease lease(place.path(), from("c"));
  CHECK(text_of(place / "lease.4.json").taken);
  CHECK(text_of(place / "lease.5.json").taken);
  CHECK(lease.inherited().ledger == 3);
  CHECK(lease.inherited().writer_may_live);
}

TEST_CASE("R3: of many that take over the same dead lease at the same time exactly one wins", "[lease][r3][threads]") {
  for (int round = 0; round < 20; ++round) {
    const Place place;
    leave_behind(place.path(), 1, from("a").me);
    age(place / "lease.1.json", std::chrono::minutes(2));
    constexpr int contenders = 8;
    std::atomic<int> waiting{contenders}, won{0}, refused{0};
    std::vector<std::unique_ptr<Lease>> leases(contenders);
    std::vector<std::thread> threads;
    for (int i = 0; i < contenders; ++i) {
      threads.emplace_back([&, i] {
        --waiting;
        while (waiting > 0) std::this_thread::yield();
        try {
          leases[static_cast<std::size_t>(i)] = std::make_unique<Lease>(place.path(),
                                                                        from("host " + std::to_string(i)));
          ++won;
        } catch (const CheckpointError& error) {
          if (error.id() == "assay.campaign.locked") ++refused;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(won == 1);
    REQUIRE(refused == contenders - 1);
  }
}

TEST_CASE("earlier leases are removed by one who holds, marked, and drafts of the killed with them", "[lease]") {
  const Place place;
  leave_behind(place.path(), 1, from("a").me);
  age(place / "lease.1.json", std::chrono::minutes(2));
  write_file_durably(place / "lease.draft.1.old", "x");
  age(place / "lease.draft.1.old", std::chrono::minutes(2));
  write_file_durably(place / "lease.draft.2.new", "x");
  const std::optional<LeaseFile> judged = LeaseFile::open(place / "lease.1.json");  // by one who is away meanwhile
  REQUIRE(judged);
  Lease lease(place.path(), from("b"));
  lease.establish(0);
  lease.remove_earlier();
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(place.path())) names.insert(entry.path().filename());
  CHECK(names == std::set<std::string>{"lease.2.json", "lease.draft.2.new"});
  const std::optional<LeaseText> text = judged->read();
  CHECK((!text || text->taken));
}

TEST_CASE("R18: what is no lease is refused in words, at once, whatever it is", "[lease][r18][hostile]") {
  const Place place;
  const std::string what = GENERATE("{\"host\":1}", "", "[]", "nonsense", "{", "pipe", "folder", "device", "nowhere",
                                    "two thousand bytes", "endless numbers", "follows itself");
  const std::string name = GENERATE("lease.json", "lease.3.json");
  CAPTURE(what, name);
  const fs::path file = place / name;
  if (what == "pipe") {
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  } else if (what == "folder") {
    fs::create_directory(file);
  } else if (what == "device") {
    fs::create_symlink("/dev/zero", file);
  } else if (what == "nowhere") {
    fs::create_symlink(place / "nothing", file);
  } else if (what == "two thousand bytes") {
    write_file_durably(file, std::string(2000, '{'));
  } else if (what == "endless numbers") {
    write_file_durably(file, "{\"host\":\"a\",\"process\":1e999,\"ledger\":99999999999999999999999999}");
  } else if (what == "follows itself") {
    write_file_durably(file,
                       name == "lease.json"
                           ? "{\"host\":{},\"process\":2}"
                           : to_string(LeaseText{.state = LeaseState::gave_up, .after = 3, .holder = from("a").me}));
  } else {
    write_file_durably(file, what);
  }
  CHECK_THROWS_WITH(Lease(place.path(), from("b")), Contains("assay.lease") && Contains(name) && Contains("remove"));
}

TEST_CASE("a lease of an earlier version is respected while it is young, and replaced when it is old", "[lease]") {
  const Place place;
  write_file_durably(place / "lease.json", R"({"host":"old","process":12,"started":"5","boot":"b"})");
  CHECK_THROWS_WITH(Lease(place.path(), from("b")),
                    Contains("assay.campaign.locked") && Contains("process 12 on host old"));
  age(place / "lease.json", std::chrono::minutes(2));
  const Lease lease(place.path(), from("b"));
  CHECK_FALSE(fs::exists(place / "lease.json"));
}

TEST_CASE("names that look like leases and are none are left alone", "[lease]") {
  const Place place;
  for (const char* name : {"lease.0.json", "lease.01.json", "lease.-1.json", "lease..json", "lease.1x.json",
                           "lease.99999999999999999999.json", "lease.1.json.bak"}) {
    write_file_durably(place / name, "x");
  }
  CHECK(newest_lease(place.path()) == 0);
  CHECK(Lease(place.path(), from("a")).generation() == 1);
}

TEST_CASE("a lease in the file system's future is refused with what to do", "[lease]") {
  const Place place;
  leave_behind(place.path(), 1, from("a").me);
  age(place / "lease.1.json", -std::chrono::hours(1));
  CHECK_THROWS_WITH(Lease(place.path(), from("b")), Contains("in the future") && Contains("remove"));
}

TEST_CASE("which ledger counts is what the newest holder says, not the highest number", "[lease]") {
  const Place place;
  for (const char* name : {"ledger.sqlite", "ledger.2.sqlite", "ledger.9.sqlite", "ledger.damaged_1.sqlite"}) {
    write_file_durably(place / name, "x");
  }
  CHECK(current_ledger(place.path()) == place / "ledger.9.sqlite");
  leave_behind(place.path(), 3, from("a").me, 2);
  CHECK(current_ledger(place.path()) == place / "ledger.2.sqlite");
  leave_behind(place.path(), 4, from("b").me, 0, LeaseState::opening, 3);  // has not said yet
  CHECK(current_ledger(place.path()) == place / "ledger.2.sqlite");
  remove_earlier_ledgers(place.path(), 2, 2);
  CHECK_FALSE(fs::exists(place / "ledger.sqlite"));
  CHECK(fs::exists(place / "ledger.2.sqlite"));
  CHECK(fs::exists(place / "ledger.9.sqlite"));  // a later holder's, for all that this one knows
  CHECK(fs::exists(place / "ledger.damaged_1.sqlite"));
}

TEST_CASE("a campaign without leases has its ledger where it always was, and taking its lock makes none", "[lease]") {
  const Place place;
  const CampaignLock lock(place.path(), Storage::local);
  CHECK(lock.ledger() == place / "ledger.sqlite");
  CHECK(newest_lease(place.path()) == 0);
  CHECK_NOTHROW(lock.check());
}

TEST_CASE("a directory with leases in it is held by a lease, even by who takes its storage for local", "[lease]") {
  const Place place;
  leave_behind(place.path(), 1, from("a").me);
  CHECK(id_of_error([&] { CampaignLock(place.path(), Storage::local); }) == "assay.campaign.locked");
  age(place / "lease.1.json", std::chrono::minutes(2));
  const CampaignLock lock(place.path(), Storage::local);
  CHECK(lock.ledger() == place / "ledger.2.sqlite");
}
