// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/ledger_entries.hpp"
#include "support/toy.hpp"

#include <assay/detail/campaign_lock.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>

#include <atomic>
#include <thread>

using namespace assay;

TEST_CASE("a ledger gives back what was committed, after it is opened again", "[ledger]") {
  const toy::Folder folder;
  State state;
  state.json["n"] = 3;
  state.tensors.set("t", torch::arange(3));
  {
    Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
    ledger.commit_batch(1, entries(3), state);
    CHECK(ledger.start_attempt(100, "d") == 1);
    ledger.complete(100, 1, Values{{"y", 0.1}}, 2.0);
    ledger.start_attempt(101, "d");
    ledger.fail(101, 1, failed("bad", /*retry=*/true), 1.0);
    ledger.start_attempt(101, "d");
  }
  Ledger ledger = Ledger::open(folder / "l.sqlite", folder / "objects");
  CHECK(ledger.campaign_id() == "id");
  const auto batch = ledger.batch(1);
  REQUIRE(batch);
  CHECK(batch->entries.size() == 3);
  CHECK(batch->strategy_state.json["n"] == 3);
  CHECK(torch::equal(batch->strategy_state.tensors["t"], torch::arange(3)));
  CHECK_FALSE(ledger.batch(2));
  CHECK(ledger.labels(100).scalar("y") == 0.1);
  CHECK(ledger.inputs(102).scalar("x") == 2);
  CHECK(ledger.in_state(SampleState::queued, 10) == std::vector<SampleId>{102});
  CHECK(ledger.interrupt(ledger.in_state(SampleState::running)) == 1);
  CHECK(ledger.in_state(SampleState::queued, 10) == std::vector<SampleId>{101, 102});
  CHECK(ledger.attempts(101).size() == 2);
  CHECK(ledger.attempts(101)[0].reason == "bad");
  CHECK(ledger.attempts(101)[1].outcome == "interrupted");
  CHECK(ledger.counts().simulations == 3);
  CHECK_THROWS_AS(ledger.labels(101), CheckpointError);
  CHECK_THROWS_AS(ledger.entry(7), CheckpointError);
}

TEST_CASE("a twin is answered with the labels that are there", "[ledger]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  auto batch = entries(2);
  batch[1].fingerprint = batch[0].fingerprint;
  ledger.commit_batch(1, batch, {});
  CHECK_FALSE(ledger.answer(101, batch[0].fingerprint));
  ledger.start_attempt(100, "");
  ledger.complete(100, 1, Values{{"y", 3.0}}, 0);
  REQUIRE(ledger.answer(101, batch[1].fingerprint));
  CHECK(ledger.labels(101).scalar("y") == 3);
  CHECK(ledger.counts().simulations == 1);
  CHECK(ledger.counts().labels == 2);
  ledger.integrate(1, std::vector<SampleId>{101, 100});
  CHECK(ledger.integrated(0) == std::vector<SampleId>{101, 100});
  CHECK(ledger.integrated(1) == std::vector<SampleId>{100});
}

TEST_CASE("a label from the archive that is refused or taken back is no simulation, and comes from there once",
          "[ledger]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  const auto batch = entries(2);
  ledger.commit_batch(1, batch, {});
  const Values labels{{"y", -3.0}};
  std::vector<ArchivedLabel> old;
  for (const NewEntry& entry : batch)
    old.push_back({.fingerprint = entry.fingerprint, .inputs = entry.inputs, .labels = labels, .source = "a table"});
  ledger.add_to_archive(old);
  for (const NewEntry& entry : batch) REQUIRE(ledger.answer(entry.id, entry.fingerprint));
  ledger.fail(100, 1, failed("label refused"), 0, labels);
  ledger.withdraw(std::vector<SampleId>{101}, "wrong mesh", SampleState::queued);
  CHECK(ledger.attempts(100).back().outcome == "imported");
  CHECK(ledger.attempts(100).back().reason == "label refused");
  CHECK(ledger.counts().simulations == 0);
  CHECK(ledger.counts().failed == 1);
  CHECK(ledger.problems().empty());
  ledger.retry(std::vector<SampleId>{100});
  for (const NewEntry& entry : batch) CHECK_FALSE(ledger.answer(entry.id, entry.fingerprint));
  CHECK(ledger.start_attempt(100, "") == 2);
  CHECK(ledger.counts().simulations == 1);
  CHECK(ledger.problems().empty());
}

TEST_CASE("a file without a committed ledger is none", "[ledger]") {
  const toy::Folder folder;
  CHECK_FALSE(Ledger::exists(folder / "none.sqlite"));
  assay::detail::write_file(folder / "empty.sqlite", "");
  CHECK_FALSE(Ledger::exists(folder / "empty.sqlite"));
  assay::detail::write_file(folder / "junk.sqlite", std::string(4096, 'x'));
  CHECK_THROWS_WITH(Ledger::open(folder / "junk.sqlite", folder / "objects"), Contains("junk.sqlite"));
}

TEST_CASE("many threads use one ledger at once", "[ledger][threads]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  ledger.commit_batch(1, entries(32), {});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&ledger, t] {
        for (SampleId id = 100 + 8 * t; id < 108 + 8 * t; ++id) {
          ledger.start_attempt(id, "");
          ledger.complete(id, 1, Values{{"y", static_cast<double>(id)}}, 0);
        }
      });
    }
  }
  CHECK(ledger.count(SampleState::done) == 32);
  CHECK(ledger.labels(117).scalar("y") == 117);
}

TEST_CASE("a campaign directory has one writer, which is named to others", "[ledger]") {
  const toy::Folder folder;
  const assay::detail::CampaignLock lock(folder.path());
  CHECK_THROWS_WITH(assay::detail::CampaignLock(folder.path()), Contains("process " + std::to_string(::getpid())));
}

TEST_CASE("large labels stand in files named by their contents, the ledger holds the names", "[ledger]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  ledger.commit_batch(1, entries(20), {});
  for (SampleId id = 100; id < 120; ++id) {
    ledger.start_attempt(id, "");
    ledger.complete(id, 1, Values{{"field", torch::full({1 << 16}, static_cast<double>(id), torch::kFloat64)}}, 0);
  }
  CHECK(ledger.labels(107)["field"][5].item<double>() == 107);
  CHECK(ledger.objects_in_use().size() == 20);
  CHECK(ledger.label_object(107));
  CHECK(std::filesystem::file_size(folder / "l.sqlite") < 1'000'000);
  const std::filesystem::path object = folder / "objects" / (*ledger.label_object(107) + ".safetensors");
  assay::detail::write_file(object, "torn");
  CHECK_THROWS_WITH(ledger.labels(107), Contains("assay.object") && Contains(object.string()));
  // The same content again is the same file.
  ledger.start_attempt(100, "");
  ledger.complete(100, 2, Values{{"field", torch::full({1 << 16}, 101.0, torch::kFloat64)}}, 0);
  CHECK(ledger.objects_in_use().size() == 19);
}

TEST_CASE("labels come in from 16 threads while a reader looks on", "[ledger][threads]") {
  const toy::Folder folder;
  constexpr std::int64_t samples = 320;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  ledger.commit_batch(1, entries(samples), {});
  std::atomic<bool> ended{false};
  std::int64_t seen = 0;
  std::jthread reader([&] {
    const Ledger other = Ledger::open_read_only(folder / "l.sqlite", folder / "objects");
    while (!ended) {
      const std::int64_t now = other.count(SampleState::done);
      if (now < seen) throw std::runtime_error("labels went away");
      seen = now;
    }
  });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 16; ++t) {
      threads.emplace_back([&ledger, t] {
        for (SampleId id = 100 + t; id < 100 + samples; id += 16) {
          ledger.start_attempt(id, "");
          if (id % 7 == 0) {
            ledger.fail(id, 1, failed("diverged"), 0);
          } else {
            ledger.complete(id, 1, Values{{"y", static_cast<double>(id)}}, 0);
          }
        }
      });
    }
  }
  ended = true;
  reader.join();
  CHECK(ledger.count(SampleState::done) + ledger.count(SampleState::failed) == samples);
  CHECK(ledger.counts().simulations == samples);
  CHECK(ledger.counts().labels == ledger.count(SampleState::done));
  CHECK(ledger.sequence() == 1 + 2 * samples);
}

TEST_CASE("one change that fails does not take those with it that share its commit", "[ledger][threads]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  ledger.commit_batch(1, entries(64), {});
  std::atomic<int> errors{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (SampleId id = 100 + t; id < 164; id += 8) {
          ledger.start_attempt(id, "");
          try {
            ledger.start_attempt(id + 1'000'000, "");  // there is no such sample
          } catch (const CheckpointError&) {
            ++errors;
          }
        }
      });
    }
  }
  CHECK(errors == 64);
  CHECK(ledger.count(SampleState::running) == 64);
}

TEST_CASE("a change is refused before it begins where this process may no longer write", "[ledger][lease]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  ledger.commit_batch(1, entries(2), {});
  const std::int64_t sequence = ledger.sequence();
  ledger.set_guard([] { throw CheckpointError({"assay.campaign.lease_lost", "l", "the lease", "none", ""}); });
  CHECK_THROWS_WITH(ledger.start_attempt(100, ""), Contains("lease_lost"));
  CHECK(ledger.sequence() == sequence);
  CHECK(ledger.count(SampleState::running) == 0);
}

TEST_CASE("a label whose commit was overtaken is not reported as accepted, though it stands in the file",
          "[ledger][lease][r3]") {
  const toy::Folder folder;
  Ledger ledger = Ledger::create(folder / "l.sqlite", "id", folder / "objects");
  ledger.commit_batch(1, entries(2), {});
  ledger.start_attempt(100, "");
  int asked = 0;
  ledger.set_guard([&] {
    if (++asked > 1) throw CheckpointError({"assay.campaign.lease_lost", "l", "the lease", "none", ""});
  });
  CHECK_THROWS_WITH(ledger.complete(100, 1, Values{{"y", 1.0}}, 1.0), Contains("lease_lost"));
  CHECK(asked == 2);  // before it, and behind it
  CHECK_THROWS_WITH(ledger.start_attempt(101, ""), Contains("lease_lost"));
  CHECK(ledger.entry(100).state == SampleState::done);
}
