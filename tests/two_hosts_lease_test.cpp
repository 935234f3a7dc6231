// SPDX-License-Identifier: Apache-2.0
// Two hosts at the same step of a takeover, and hosts whose clocks are wrong. What happens between two steps of one is
// done from where it asks whether the holder is dead.
#include "support/catch.hpp"
#include "support/clock.hpp"
#include "support/error_id.hpp"
#include "support/folder.hpp"
#include "support/jobs.hpp"
#include "support/leases.hpp"
#include "support/toy.hpp"

#include "../src/detail/lease.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

using namespace assay;
using assay::detail::Lease;
namespace fs = std::filesystem;
using namespace leases;

namespace {

using Names = std::set<std::string>;

/// One that knows the process on host `a` to be dead.
LeaseRules after_a(const std::string& host) {
  LeaseRules rules = from(host);
  rules.dead = [](const Holder& holder) { return holder.host == "a"; };
  return rules;
}

Names file_names_in(const fs::path& directory) {
  Names names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    names.insert(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("R3: of two that take over at the same step only the first wins", "[lease][r3]") {
  const bool dead = GENERATE(true, false);  // or old
  const std::string got = GENERATE("the number", "the ledger", "rid of earlier leases");
  CAPTURE(dead, got);
  const Place place;
  leave_behind(place.path(), 1, from("a").me);
  if (!dead) age(place / "lease.1.json", std::chrono::minutes(2));
  std::unique_ptr<Lease> c;
  LeaseRules rules = from("b");
  rules.dead = [&](const Holder& holder) {
    if (holder.host != "a") return false;
    if (!c) {  // while b looks
      c = std::make_unique<Lease>(place.path(), after_a("c"));
      if (got != "the number") c->establish(0);
      if (got == "rid of earlier leases") c->remove_earlier();
    }
    return dead;
  };
  CHECK(id_of_error([&] { Lease(place.path(), rules); }) == "assay.campaign.locked");
  REQUIRE(c);
  CHECK(c->generation() == 2);
  CHECK_NOTHROW(c->check());
  CHECK(text_of(place / "lease.2.json").holder.host == "c");
  CHECK_FALSE(text_of(place / "lease.2.json").taken);
  CHECK(file_names_in(place.path()) ==
        (got == "rid of earlier leases" ? Names{"lease.2.json"} : Names{"lease.1.json", "lease.2.json"}));
}

TEST_CASE("R3: who takes over while another came and went follows that one, on its ledger", "[lease][r3]") {
  const bool removes = GENERATE(false, true);
  const Place place;
  leave_behind(place.path(), 1, from("a").me);
  bool came = false;
  LeaseRules rules = from("b");
  rules.dead = [&](const Holder& holder) {
    if (holder.host != "a") return false;
    if (!came) {
      came = true;
      Lease c(place.path(), after_a("c"));
      c.establish(5);
      if (removes) c.remove_earlier();
    }
    return true;
  };
  const Lease b(place.path(), rules);
  REQUIRE(came);
  CHECK(b.generation() == 3);
  CHECK(b.inherited().ledger == 5);
  CHECK_FALSE(b.inherited().writer_may_live);
  CHECK_NOTHROW(b.check());
  CHECK(text_of(place / "lease.2.json").taken);
}

TEST_CASE("R3: a number that is free again because others came and went in between is no win", "[lease][r3]") {
  const bool dead = GENERATE(true, false);
  const Place place;
  leave_behind(place.path(), 1, from("a").me);
  age(place / "lease.1.json", std::chrono::minutes(2));
  std::unique_ptr<Lease> d;
  LeaseRules rules = from("b");
  rules.dead = [&](const Holder& holder) {
    if (holder.host != "a") return false;
    if (!d) {
      {
        Lease c(place.path(), after_a("c"));
        c.establish(0);
      }
      d = std::make_unique<Lease>(place.path(), from("d"));
      d->establish(0);
      d->remove_earlier();  // the number that b is about to take is free again
    }
    return dead;
  };
  CHECK(id_of_error([&] { Lease(place.path(), rules); }) == "assay.campaign.locked");
  REQUIRE(d);
  CHECK(d->generation() == 3);
  CHECK_NOTHROW(d->check());
  CHECK(file_names_in(place.path()) == Names{"lease.3.json"});
}

TEST_CASE("R3: a holder that is taken over by the first of two learns it, and the second is refused", "[lease][r3]") {
  const Place place;
  LeaseRules slow = from("a");
  slow.renewal = std::chrono::hours(1);
  Lease a(place.path(), slow);
  a.establish(0);
  age(place / "lease.1.json", std::chrono::minutes(2));
  std::unique_ptr<Lease> c;
  LeaseRules rules = from("b");
  rules.dead = [&](const Holder& holder) {
    if (holder.host == "a" && !c) c = std::make_unique<Lease>(place.path(), from("c"));
    return false;
  };
  CHECK(id_of_error([&] { Lease(place.path(), rules); }) == "assay.campaign.locked");
  REQUIRE(c);
  CHECK(c->inherited().writer_may_live);
  CHECK_NOTHROW(c->check());
  CHECK(id_of_error([&] { a.check(); }) == "assay.campaign.lease_lost");
}

TEST_CASE("R11: whether a lease is young or old is the file system's to say, whatever this host's clock says",
          "[lease][r11]") {
  const long ahead = GENERATE(3600L, -3600L, 315'360'000L);  // the last: ten years
  CAPTURE(ahead);
  const Place place;
  const support::ClockAhead wrong(ahead);
  SECTION("a young one of a holder that lives stays") {
    Lease a(place.path(), from("a"));
    a.establish(0);
    CHECK(id_of_error([&] { Lease(place.path(), from("b")); }) == "assay.campaign.locked");
    CHECK_NOTHROW(a.check());
  }
  SECTION("one that was made under a clock that is right stays") {
    leave_behind(place.path(), 1, from("a").me);
    age(place / "lease.1.json", std::chrono::seconds(20));
    CHECK(id_of_error([&] { Lease(place.path(), from("b")); }) == "assay.campaign.locked");
    CHECK_FALSE(text_of(place / "lease.1.json").taken);
  }
  SECTION("one of this very process stays") {
    Lease own(place.path());
    own.establish(0);
    CHECK(id_of_error([&] { Lease(place.path()); }) == "assay.campaign.locked");
    CHECK_NOTHROW(own.check());
  }
  SECTION("a stale one is taken") {
    leave_behind(place.path(), 1, from("a").me);
    age(place / "lease.1.json", std::chrono::minutes(2));
    const Lease b(place.path(), from("b"));
    CHECK(b.generation() == 2);
    CHECK(b.inherited().writer_may_live);
    CHECK(text_of(place / "lease.1.json").taken);
  }
  SECTION("one that is renewed under that clock is young again") {
    LeaseRules rules = from("a");
    rules.renewal = std::chrono::milliseconds(20);
    const fs::path lease = place / "lease.1.json", beside = place / "now";
    const Lease a(place.path(), rules);
    assay::detail::write_file(beside, "now");
    const fs::file_time_type now = fs::last_write_time(beside);
    age(lease, std::chrono::hours(1));
    jobs::wait_until("the lease is renewed",
                     [&] { return fs::last_write_time(lease) > now - std::chrono::minutes(30); });
    CHECK(id_of_error([&] { Lease(place.path(), from("b")); }) == "assay.campaign.locked");
    CHECK_NOTHROW(a.check());
  }
}

TEST_CASE("R11: a campaign on shared storage is held, and taken over, under a clock that is wrong",
          "[session][lease][r11]") {
  const long ahead = GENERATE(3600L, -3600L, 315'360'000L);
  CAPTURE(ahead);
  const toy::Folder folder;
  toy::driver(toy::options(folder / "whole")).run();
  const support::ClockAhead wrong(ahead);
  const fs::path dir = folder / "c";
  DriverOptions options = toy::options(dir);
  options.storage = Storage::shared;
  options.resume = Resume::if_present;
  const std::int64_t rounds = options.max_rounds;
  options.max_rounds = 1;
  toy::driver(options).run();
  Holder elsewhere = assay::detail::this_holder();
  elsewhere.boot = "another";
  const std::int64_t generation = assay::detail::newest_lease(dir) + 1;
  leave_behind(dir, generation, elsewhere, /*ledger=*/0, LeaseState::held, /*after=*/generation - 1);
  options.max_rounds = rounds;
  CHECK_THROWS_WITH(toy::driver(options), Contains("assay.campaign.locked"));
  age(assay::detail::lease_file(dir, generation), std::chrono::minutes(2));
  CHECK(toy::driver(options).run() == RunStatus::finished);
  CHECK(fs::exists(dir / ("ledger." + std::to_string(generation + 1) + ".sqlite")));
  CHECK(campaign_hash(dir) == campaign_hash(folder / "whole"));
}
