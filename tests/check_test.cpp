// SPDX-License-Identifier: Apache-2.0
// What a check of a campaign's files says is wrong with them, each in words of its own, and what the tools around it
// refuse.
#include "support/catch.hpp"
#include "support/recorded.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/checkpoint.hpp>
#include <assay/config.hpp>
#include <assay/detail/files.hpp>
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>
#include <assay/ledger.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>

#include <functional>

using namespace assay;
using namespace round_records;
namespace fs = std::filesystem;

namespace {

using Lines = std::vector<std::string>;

Lines problems_of(const Recorded& recorded) { return check_campaign(recorded.folder.path()).problems; }

Ledger ledger_of(const Recorded& recorded) {
  return Ledger::open(recorded.folder / "ledger.sqlite", objects_folder(recorded.folder.path()));
}

/// Puts another ledger of the same campaign in place of its own: one that chose the samples of the files and simulated
/// none yet. \param change what is other about a sample.
Ledger other_ledger(const Recorded& recorded, const std::function<void(NewEntry&)>& change = [](NewEntry&) {}) {
  const RecordedRounds files = read_round_files(recorded.folder.path());
  std::vector<NewEntry> entries;
  for (const SampleRecord& sample : files.rounds.at(0).samples) {
    entries.push_back({.id = sample.entry.id,
                       .rank = sample.entry.rank,
                       .score = sample.entry.score,
                       .strategy = sample.entry.strategy,
                       .inputs = sample.inputs,
                       .fingerprint = sample.entry.fingerprint});
    change(entries.back());
  }
  for (const char* file : {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"})
    fs::remove(recorded.folder / file);
  Ledger ledger = Ledger::create(recorded.folder / "ledger.sqlite", "id", objects_folder(recorded.folder.path()));
  ledger.commit_batch(1, entries, {});
  return ledger;
}

std::string sample_name(SampleId id) { return "sample " + std::to_string(id); }

}  // namespace

TEST_CASE("picks that the files have otherwise than the ledger are told as other picks", "[tools]") {
  const auto part = GENERATE(as<std::string>(), "rank", "state", "fewer");
  INFO(part);
  const Recorded recorded;
  Sealed sealed(recorded.picks);
  if (part == "rank") sealed.json["entries"][2]["rank"] = 7;
  if (part == "state") sealed.json["state"] = Json{{"n", 1}};
  if (part == "fewer") sealed.json["entries"].erase(std::size_t{4});
  sealed.write();
  CHECK(problems_of(recorded) == Lines{recorded.picks.string() + ": other picks than the ledger's"});
}

TEST_CASE("attempts that only the files know of are told", "[tools]") {
  const auto place = GENERATE(std::size_t{3}, std::size_t{4});  // the one that failed twice, the infeasible one
  const Recorded recorded;
  Sealed sealed(recorded.labels);
  Json attempts = sealed.json["samples"][place]["attempts"];
  Json more = attempts.back();
  more["attempt"] = attempts.size() + 1;
  attempts.push_back(more);
  sealed.json["samples"][place]["attempts"] = attempts;
  sealed.write();
  CHECK(problems_of(recorded) ==
        Lines{sample_name(10 + static_cast<SampleId>(place)) + ": the files know of more attempts than the ledger"});
}

TEST_CASE("another label in a file is told by whether the ledger remembers the file", "[tools]") {
  const bool remembered = GENERATE(false, true);
  const Recorded recorded;
  if (remembered) {
    ledger_of(recorded).record_labels_file(1, assay::detail::sha256(assay::detail::read_file(recorded.labels)));
    CHECK(problems_of(recorded).empty());
  }
  Sealed sealed(recorded.labels);
  torch::Tensor y = sealed.tensors.at("labels/y").clone();
  y[1][0].add_(1);
  sealed.tensors.set("labels/y", y);
  sealed.write();
  // A file that the ledger has written is mended from it; of another one, nobody knows which of the two is right.
  CHECK(problems_of(recorded) == Lines{remembered
                                           ? recorded.labels.string() + ": another label of sample 12 than the ledger's"
                                           : "sample 12: the label in labels/ is another than the ledger's"});
}

TEST_CASE("a file that still holds a label that was taken back is told, and mended", "[tools]") {
  const bool anew = GENERATE(false, true);  // computed again, to another label
  const Recorded recorded;
  {
    Ledger ledger = ledger_of(recorded);
    ledger.withdraw(std::vector<SampleId>{12}, "wrong mesh");
    if (anew) ledger.complete(12, ledger.start_attempt(12, ""), Values{{"y", std::vector<double>{5.0, 6.0}}}, 1.0);
  }
  CHECK(problems_of(recorded) ==
        Lines{recorded.labels.string() + (anew ? ": another label of sample 12 than the ledger's"
                                               : ": holds a label of sample 12 that was withdrawn")});
  CHECK(repair_campaign(recorded.folder.path()).problems.empty());
  const RecordedRounds files = read_round_files(recorded.folder.path());
  CHECK_FALSE(files.rounds.at(0).samples.at(2).labels);
  CHECK(files.rounds.at(0).samples.at(1).labels);
}

TEST_CASE("a ledger without what the files hold is told sample by sample, and rebuilt", "[tools]") {
  const Recorded recorded;
  other_ledger(recorded);
  Lines expected;
  for (const SampleId id : {10, 11, 12})
    expected.push_back(sample_name(id) + ": its label stands in labels/ and not in the ledger");
  for (const SampleId id : {13, 14})
    expected.push_back(sample_name(id) + ": the files know of more attempts than the ledger");
  CHECK(problems_of(recorded) == expected);
  const CheckReport report = repair_campaign(recorded.folder.path());
  CHECK(report.problems.empty());
  CHECK(report.labels == 3);
}

TEST_CASE("labels whose picks are missing are told where the ledger does not know them either", "[tools]") {
  const bool older = GENERATE(false, true);
  const Recorded recorded;
  if (older) other_ledger(recorded);
  fs::remove(recorded.picks);
  Lines expected;
  if (older) {
    for (const SampleId id : {10, 11, 12})
      expected.push_back("round_000001.safetensors, " + sample_name(id) +
                         ": of a sample that the ledger does not know");
  }
  expected.push_back(recorded.picks.string() + ": missing, damaged, or misplaced");
  CHECK(problems_of(recorded) == expected);
}

TEST_CASE("picks of a round that the ledger does not know are told", "[tools]") {
  const Recorded recorded;
  Sealed sealed(recorded.picks);
  sealed.file = recorded.folder / "labels/picks_000002.safetensors";
  sealed.json["round"] = 2;
  sealed.write();
  CHECK(problems_of(recorded) == Lines{sealed.file.string() + ": of a round that the ledger does not know"});
}

TEST_CASE("a file that is not the one that was written is told though it says the same, and written again", "[tools]") {
  const bool labels = GENERATE(false, true);
  const Recorded recorded;
  {
    Ledger ledger = ledger_of(recorded);
    const std::string another = assay::detail::sha256("another file");
    labels ? ledger.record_labels_file(1, another) : ledger.record_picks_file(1, another);
  }
  CHECK(problems_of(recorded) ==
        Lines{(labels ? recorded.labels : recorded.picks).string() + ": not as it was written"});
  const CheckReport report = repair_campaign(recorded.folder.path());
  CHECK(report.problems.empty());
  CHECK(report.repairs == Lines{"label files of 1 rounds were written again"});
}

TEST_CASE("a row of the ledger whose inputs are not those of its fingerprint is told", "[tools]") {
  const toy::Folder folder;
  const Values one{{"x", 1.0}}, two{{"x", 2.0}};
  std::string configuration = "{}";
  SECTION("that of another design") {}
  SECTION("that of the design without the version of its labels") { configuration = R"({"label_version": "mesh 2"})"; }
  const bool versioned = configuration != "{}";
  {
    Ledger ledger = Ledger::create(folder / "ledger.sqlite", "id", objects_folder(folder.path()), configuration);
    const std::vector<NewEntry> entries{
        {.id = 7, .rank = 0, .strategy = "s", .inputs = one, .fingerprint = fingerprint(one)},
        {.id = 8, .rank = 1, .strategy = "s", .inputs = two, .fingerprint = fingerprint(versioned ? two : one)}};
    ledger.commit_batch(1, entries, {});
  }
  Lines expected;
  if (versioned) expected.push_back("ledger, sample 7: inputs do not match their fingerprint");
  expected.push_back("ledger, sample 8: inputs do not match their fingerprint");
  CHECK(check_campaign(folder.path()).problems == expected);
}

TEST_CASE("a file of a large tensor that is missing or altered is told, that of a refused label too", "[tools]") {
  const bool refused = GENERATE(false, true), missing = GENERATE(false, true);
  const toy::Folder folder;
  {
    Ledger ledger = Ledger::create(folder / "ledger.sqlite", "id", objects_folder(folder.path()));
    const Values inputs{{"x", 1.0}}, large{{"y", torch::full({20'000}, 7.0, torch::kFloat64)}};
    const std::vector<NewEntry> entries{
        {.id = 7, .rank = 0, .strategy = "s", .inputs = inputs, .fingerprint = fingerprint(inputs)}};
    ledger.commit_batch(1, entries, {});
    const int attempt = ledger.start_attempt(7, "");
    if (refused) {
      ledger.fail(7, attempt, failed("label refused"), 1.0, large);
    } else {
      ledger.complete(7, attempt, large, 1.0);
    }
  }
  CHECK(check_campaign(folder.path()).problems.empty());
  const fs::path object = fs::directory_iterator(objects_folder(folder.path()))->path();
  std::string bytes = assay::detail::read_file(object);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  if (missing) {
    fs::remove(object);
  } else {
    assay::detail::write_file(object, bytes);
  }
  const Lines problems = check_campaign(folder.path()).problems;
  CHECK(problems.size() == (refused ? 1 : 2));  // a label is read for itself, too
  REQUIRE_FALSE(problems.empty());
  for (const std::string& problem : problems) {
    CHECK_THAT(problem,
               Contains(object.string() + ": expected " +
                        (missing ? "to open it" : "contents that match its name, got altered or torn contents")));
    CHECK_THAT(problem, Contains(missing ? "[assay.file]" : "[assay.object]"));
  }
}

TEST_CASE("a repair takes no label of a ledger that has another design under the sample's id", "[tools]") {
  const Recorded recorded;
  {
    Ledger other = other_ledger(recorded, [](NewEntry& entry) {
      entry.inputs = Values{{"x", entry.inputs.scalar("x") + 0.25}};
      entry.fingerprint = fingerprint(entry.inputs);
    });
    // It knows of as many attempts as the files do, and has a label of every sample.
    other.fail(13, other.start_attempt(13, ""), failed("diverged", /*retry=*/true), 1.0);
    const std::vector<SampleId> ids{10, 11, 12, 13, 14};
    for (const SampleId id : ids)
      other.complete(id, other.start_attempt(id, ""), Values{{"y", std::vector<double>{-1.0, -1.0}}}, 1.0);
    other.integrate(1, ids);
  }
  const CheckReport report = repair_campaign(recorded.folder.path());
  CHECK(report.problems.empty());
  CHECK_THAT(all_of(report.repairs), Contains("1 rounds, 3 labels, 0 of them from the damaged one"));
  const Ledger ledger = Ledger::open_read_only(recorded.folder / "ledger.sqlite",
                                               objects_folder(recorded.folder.path()));
  for (SampleId i = 0; i < 5; ++i) CHECK(ledger.inputs(10 + i).scalar("x") == 0.5 * static_cast<double>(i));
  CHECK(ledger.labels(10).at("y").equal(torch::tensor({1.0, 2.0}, torch::kFloat64)));
  CHECK(ledger.labels(11).at("y").equal(torch::full({20'000}, 7.0, torch::kFloat64)));
  CHECK(ledger.labels(12).at("y").equal(torch::tensor({3.0, 4.0}, torch::kFloat64)));
  CHECK(ledger.entry(13).state == SampleState::failed);
  CHECK(ledger.attempts(13).back().reason == "second");
  CHECK(ledger.entry(14).state == SampleState::infeasible);
}

TEST_CASE("a repair without anything to rebuild from says so, and leaves the ledger where it is", "[tools]") {
  const toy::Folder folder;
  const std::string junk(8192, 'x');
  assay::detail::write_file(folder / "ledger.sqlite", junk);
  if (GENERATE(false, true)) {
    fs::create_directory(folder / "labels");
    assay::detail::write_file(folder / "labels/round_000001.safetensors", junk);
  }
  CHECK_THROWS_WITH(repair_campaign(folder.path()), Contains("assay.repair.nothing") &&
                                                        Contains("label files or a checkpoint to rebuild from") &&
                                                        Contains("put back a copy of the ledger"));
  CHECK(assay::detail::read_file(folder / "ledger.sqlite") == junk);
}

TEST_CASE("a label of another campaign that lacks a target of this one is refused by itself", "[tools][import]") {
  const toy::Folder folder;
  DriverOptions none = toy::options(folder / "c");
  none.max_rounds = 0;
  toy::driver(none).run();
  fs::create_directory(folder / "other");
  {
    Ledger other = Ledger::create(folder / "other/ledger.sqlite", "elsewhere", objects_folder(folder / "other"));
    std::vector<NewEntry> entries;
    for (const SampleId id : {1, 2}) {
      const Values inputs{{"a", 0.25 * static_cast<double>(id)}, {"b", 1.0}};
      entries.push_back(
          {.id = id, .rank = id, .strategy = "given", .inputs = inputs, .fingerprint = fingerprint(inputs)});
    }
    other.commit_batch(1, entries, {});
    other.complete(1, other.start_attempt(1, ""), Values{{"z", 3.0}}, 1.0);
    other.complete(2, other.start_attempt(2, ""), Values{{"y", 3.0}, {"z", 4.0}}, 1.0);
  }
  const ImportReport report = import_labels(folder / "c", folder / "other");
  CHECK(report.added == 1);
  CHECK(report.refused == Lines{"[assay.import.target] campaign elsewhere, sample 1: expected 'y', got a label "
                                "without it"});
}

TEST_CASE("what needs a checkpoint says that there is none, or what is wrong with the newest", "[tools]") {
  const bool damaged = GENERATE(false, true);
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 1;
  toy::driver(options).run();
  if (damaged) {
    for (const fs::path& checkpoint : checkpoint_folders(folder / "c"))
      assay::detail::write_file(checkpoint / "state.safetensors", "torn");
  } else {
    fs::remove_all(folder / "c/checkpoints");
  }
  fs::copy(folder / "c", folder / "copy", fs::copy_options::recursive);
  const std::string got = damaged ? "got [assay.checkpoint.damaged]" : "got none";
  const Registries registries;
  for (const auto& ask : {std::function([&] { campaign_hash(folder / "c"); }),
                          std::function([&] { first_difference(folder / "c", folder / "copy"); }),
                          std::function([&] { rebuild_campaign(folder / "c", toy::pools(), registries); })}) {
    CHECK_THROWS_WITH(ask(), Contains("assay.checkpoint.missing") && Contains("an intact checkpoint, " + got));
  }
}
