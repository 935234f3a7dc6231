// SPDX-License-Identifier: Apache-2.0
// Campaigns in several sessions: cut off by a wall time or a flag, asked and told across processes, with labels of a
// version.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include "../src/detail/lease.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/detail/files.hpp>
#include <assay/duration.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>
#include <assay/label/external_label.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

using namespace assay;
using namespace std::chrono_literals;

namespace {

/// Takes what it is given if it may take so long.
struct Slow {
  std::chrono::duration<double> time_limit;
  int* calls;
  std::vector<std::string> provides() const { return {"y"}; }
  void label(LabelContext& context) {
    while (const std::optional<Job> job = context.next(time_limit)) {
      ++*calls;
      context.accept(*job, toy::solve(job->inputs));
    }
  }
};

auto slow_driver(const std::filesystem::path& dir, Slow label, std::optional<std::chrono::duration<double>> wall_time) {
  DriverOptions options = toy::options(dir);
  options.resume = Resume::if_present;
  options.wall_time = wall_time;
  return Driver(std::move(options), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}), label,
                Metrics(Rmse(), R2()), toy::loop());
}

auto external_driver(DriverOptions options) {
  options.resume = Resume::if_present;
  return Driver(std::move(options), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}),
                ExternalLabel({.provides = {"y"}}), Metrics(Rmse(), R2()), toy::loop());
}

}  // namespace

TEST_CASE("lengths of time are read as people and schedulers write them", "[session]") {
  const std::map<std::string, double> good{
      {"90", 90},     {"1.5", 1.5},     {"45s", 45},         {"3h50m", 13800},       {"1d12h", 129600},
      {"0.5h", 1800}, {"03:50", 13800}, {"03:50:10", 13810}, {"2-12:00:00", 216000}, {"0", 0}};
  for (const auto& [text, seconds] : good) {
    INFO(text);
    REQUIRE(parse_duration(text));
    CHECK(parse_duration(text)->count() == seconds);
  }
  for (const char* text : {"", "h", "-3", "3x", "50m3h", "3h50", "3h3h", "1:60", "1:", ":30", "1:2:3:4", "1-", "inf",
                           "1e3", "-1:00", " 3h", "3h "}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
  const Json json{{"dir", "c"}, {"wall_time", "3h50m"}};
  std::vector<ErrorParts> problems;
  CHECK(options_from_json<DriverOptions>(ConfigReader(json, "", problems, nullptr)).wall_time->count() == 13800);
  CHECK(problems.empty());
}

TEST_CASE("no simulation is started that does not fit into the wall time", "[session]") {
  const toy::Folder folder;
  int calls = 0;
  {
    // Something of the hour is gone by the time the first simulation could start.
    auto driver = slow_driver(folder / "c", {1h, &calls}, 1h);
    CHECK(driver.run() == RunStatus::stopped);
    CHECK(driver.run() == RunStatus::stopped);
    CHECK(driver.phase() == Phase::labeling);
    CHECK(driver.counts().simulations == 0);
  }
  CHECK(calls == 0);
  {
    auto driver = slow_driver(folder / "c", {2h, &calls}, 1h);
    CHECK_THROWS_WITH(driver.run(), Contains("assay.driver.wall_time") && Contains("7200 s"));
  }
  CHECK(slow_driver(folder / "c", {30min, &calls}, 1h).run() == RunStatus::finished);
  CHECK(calls == 12);
  CHECK(campaign_hash(folder / "c") == toy::whole_hash(folder));
}

TEST_CASE("a wall time that is over stops a training, which goes on later", "[session]") {
  const toy::Folder folder;
  int calls = 0;
  CHECK(slow_driver(folder / "c", {0s, &calls}, 1ns).run() == RunStatus::stopped);
  CHECK(slow_driver(folder / "c", {0s, &calls}, std::nullopt).run() == RunStatus::finished);
  CHECK(campaign_hash(folder / "c") == toy::whole_hash(folder));
  CHECK_THROWS_WITH(slow_driver(folder / "d", {0s, &calls}, 0s), Contains("/driver/wall_time"));
}

TEST_CASE("a campaign cut into many sessions by a host's flag ends as if it had been one", "[session]") {
  const toy::Folder folder;
  std::set<std::string> seen;
  int sessions = 0, repeated = 0, left = 0;
  std::atomic<bool> stop{false};
  RunStatus status = RunStatus::stopped;
  while (status == RunStatus::stopped && sessions < 100) {
    ++sessions;
    stop = false;
    left = 1;  // simulations until the host is told to end
    DriverOptions options = toy::options(folder / "c");
    options.resume = Resume::if_present;
    toy::Driver driver = toy::driver(options,
                                     FunctionLabel({.provides = {"y"}, .function = "solve"}, [&](const Values& x) {
                                       repeated += !seen.insert(fingerprint(x)).second;
                                       if (--left == 0) stop = true;
                                       return toy::solve(x);
                                     }));
    driver.stop_when(stop);
    status = driver.run();
  }
  CHECK(sessions == 13);  // one for each of the twelve, and the last for what follows
  CHECK(repeated == 0);
  CHECK(campaign_hash(folder / "c") == toy::whole_hash(folder));
}

TEST_CASE("what is asked for until it is told stays asked for over restarts", "[session]") {
  const toy::Folder folder;
  std::vector<Sample> out;
  for (int session = 0; session < 60; ++session) {
    auto driver = external_driver(toy::options(folder / "c"));
    if (driver.advance() == RunStatus::finished) break;
    CHECK(driver.asked().size() == out.size());
    if (out.size() < 2) {
      for (Sample& sample : driver.ask(3, Asked::until_told)) out.push_back(std::move(sample));
      continue;
    }
    // The last of them first, in a process that did not ask.
    const Sample sample = std::move(out.back());
    out.pop_back();
    CHECK(driver.tell(sample.id, done(toy::solve(sample.values))));
    CHECK(driver.tell(sample.id, done(toy::solve(sample.values))));
  }
  for (const Sample& sample : out) {
    auto driver = external_driver(toy::options(folder / "c"));
    driver.advance();
    CHECK(driver.tell(sample.id, done(toy::solve(sample.values))));
  }
  auto driver = external_driver(toy::options(folder / "c"));
  while (driver.advance() == RunStatus::waiting) {
    for (const Sample& sample : driver.ask(8)) driver.tell(sample.id, done(toy::solve(sample.values)));
    for (const Sample& sample : driver.asked()) driver.tell(sample.id, done(toy::solve(sample.values)));
  }
  CHECK(driver.counts().simulations == 12);
  CHECK(campaign_hash(folder / "c") == toy::whole_hash(folder));
}

TEST_CASE("samples that are asked for until they are kept stand in the queue of the ledger until then",
          "[session][f13]") {
  const toy::Folder folder;
  const auto in_ledger = [&](SampleState state) {
    return Ledger::open_read_only(folder / "c" / "ledger.sqlite", folder / "c" / "labels" / "objects").count(state);
  };
  std::vector<SampleId> lost;
  {
    auto driver = external_driver(toy::options(folder / "c"));
    CHECK(driver.advance() == RunStatus::waiting);
    for (const Sample& sample : driver.ask(3, Asked::until_kept)) lost.push_back(sample.id);
    REQUIRE(lost.size() == 3);
    CHECK(driver.attempts(lost) == std::vector<int>{1, 1, 1});
    // Nobody else is given them, and nobody can tell them yet.
    for (const Sample& sample : driver.ask(100)) CHECK(std::find(lost.begin(), lost.end(), sample.id) == lost.end());
    CHECK_THROWS_WITH(driver.tell(lost.front(), failed("?")), Contains("not_running"));
    CHECK(in_ledger(SampleState::queued) == 3);
  }
  {
    auto driver = external_driver(toy::options(folder / "c"));
    CHECK(driver.advance() == RunStatus::waiting);
    const std::vector<Sample> again = driver.ask(3, Asked::until_kept);
    std::vector<SampleId> ids;
    for (const Sample& sample : again) ids.push_back(sample.id);
    CHECK(ids == lost);
    CHECK(driver.attempts(ids) == std::vector<int>{1, 1, 1});  // the first time was none
    driver.keep_asked(ids);
    CHECK(in_ledger(SampleState::running) == 3);
    CHECK(driver.asked().size() == 3);
    CHECK(driver.tell(ids.front(), done(toy::solve(again.front().values))));
  }
  auto driver = external_driver(toy::options(folder / "c"));
  CHECK(driver.asked().size() == 2);
}

TEST_CASE("samples that were asked for and never told are simulated by a campaign that runs itself", "[session]") {
  const toy::Folder folder;
  {
    auto driver = external_driver(toy::options(folder / "c"));
    CHECK(driver.advance() == RunStatus::waiting);
    CHECK(driver.ask(3, Asked::until_told).size() == 3);
  }
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::required;
  toy::Driver driver = toy::driver(options);
  CHECK(driver.run() == RunStatus::finished);
  CHECK(driver.counts().labels == 12);
  CHECK(campaign_hash(folder / "c") == toy::whole_hash(folder));
}

TEST_CASE("labels of another version are never taken", "[session]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.label_version = "mesh 2";
  options.max_rounds = 1;
  toy::driver(options).run();
  CHECK(check_campaign(folder / "c").problems.empty());
  const std::string hash = campaign_hash(folder / "c");
  std::filesystem::remove(folder / "c" / "ledger.sqlite");
  CHECK(repair_campaign(folder / "c").problems.empty());
  CHECK(campaign_hash(folder / "c") == hash);
  options.resume = Resume::required;
  options.label_version = "mesh 3";
  CHECK_THROWS_WITH(toy::driver(options), Contains("label_version") && Contains("mesh 2"));

  // Imported labels answer samples of the same version alone.
  for (const char* version : {"mesh 2", "mesh 3"}) {
    DriverOptions other = toy::options(folder / version);
    other.label_version = version;
    other.max_rounds = 0;
    toy::driver(other).run();
    CHECK(import_labels(folder / version, folder / "c").added == 4);
    other.resume = Resume::required;
    other.max_rounds = 1;
    int calls = 0;
    toy::driver(other, FunctionLabel({.provides = {"y"}, .function = "solve"},
                                     [&](const Values& x) {
                                       ++calls;
                                       return toy::solve(x);
                                     }))
        .run();
    CHECK(calls == (std::string(version) == "mesh 2" ? 0 : 4));
  }
}

TEST_CASE("replicates of a stochastic simulation are simulated each with a seed of its own", "[session]") {
  const toy::Folder folder;
  Values candidates = assay::sobol(toy::space(), 4, {.skip = 40});
  for (const char* name : {"a", "b"}) candidates[name].fill_(candidates[name][0]);
  DriverOptions options = toy::options(folder / "c");
  options.max_rounds = 1;
  options.duplicates = Duplicates::replicate;
  std::set<std::uint64_t> seeds;
  Driver driver(options, {.labeled = toy::labeled(16), .unlabeled = candidates}, toy::mlp(), Random({.max_samples = 4}),
                FunctionLabel({.provides = {"y"}}, FunctionLabel::Function([&](const Job& job) {
                                seeds.insert(job.seed);
                                return toy::solve(job.inputs);
                              })),
                NoMetrology(), toy::loop());
  driver.run();
  CHECK(seeds.size() == 4);
  CHECK(driver.counts().labels == 4);
  CHECK(driver.counts().simulations == 4);
}

TEST_CASE("directories of simulations can lie elsewhere", "[session]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.scratch = folder / "scratch";
  std::set<std::filesystem::path> places;
  Driver driver(options, toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}),
                FunctionLabel({.provides = {"y"}}, FunctionLabel::Function([&](const Job& job) {
                                places.insert(job.directory.parent_path().parent_path());
                                return toy::solve(job.inputs);
                              })),
                NoMetrology(), toy::loop());
  driver.run();
  CHECK(places == std::set<std::filesystem::path>{folder / "scratch"});
}

TEST_CASE("a local ledger of another campaign that lay at the same place is never gone on with", "[session]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.ledger_dir = folder / "local";
  options.max_rounds = 2;
  toy::driver(options).run();  // its local ledger has counted more changes than the one to come
  std::filesystem::rename(folder / "c", folder / "before");
  DriverOptions other = toy::options(folder / "elsewhere");
  other.seed = options.seed + 1;
  other.max_rounds = 1;
  toy::driver(other).run();
  const std::string hash = campaign_hash(folder / "elsewhere");
  std::filesystem::rename(folder / "elsewhere", folder / "c");
  other.dir = folder / "c";
  other.ledger_dir = folder / "local";
  other.resume = Resume::required;
  auto driver = toy::driver(other);
  driver.run();
  CHECK(driver.counts().simulations == 4);
  CHECK(campaign_hash(folder / "c") == hash);
}

TEST_CASE("a ledger on a local disk and the campaign's copy that were changed apart are told from one that is ahead",
          "[session][r13]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  options.ledger_dir = folder / "local";
  options.max_rounds = 1;
  toy::driver(options).run();
  const std::filesystem::path copy = folder / "c/ledger.sqlite";
  std::filesystem::copy_file(copy, folder / "after_one");
  options.max_rounds = 2;
  options.resume = Resume::required;
  toy::driver(options).run();
  options.max_rounds = 3;
  std::filesystem::path local;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "local")) {
    if (entry.path().extension() == ".sqlite") local = entry.path();
  }
  REQUIRE_FALSE(local.empty());
  SECTION("an older copy is no reason to throw the local ledger away") {
    std::filesystem::copy_file(folder / "after_one", copy, std::filesystem::copy_options::overwrite_existing);
    auto driver = toy::driver(options);
    driver.run();
    CHECK(driver.counts().simulations == 12);
  }
  SECTION("an older local ledger gives way to the copy") {
    std::filesystem::copy_file(folder / "after_one", local, std::filesystem::copy_options::overwrite_existing);
    auto driver = toy::driver(options);
    driver.run();
    CHECK(driver.counts().simulations == 12);
  }
  SECTION("changes to both: neither is deleted") {
    std::filesystem::copy_file(folder / "after_one", copy, std::filesystem::copy_options::overwrite_existing);
    {
      // More changes than the local ledger has, and not one of its labels.
      Ledger apart = Ledger::open(copy, objects_folder(folder / "c"));
      for (int i = 0; i < 100; ++i) apart.record_seconds(1000 + i, 1.0);
    }
    const std::string before = assay::detail::read_file(local);
    CHECK_THROWS_WITH(toy::driver(options), Contains("assay.ledger.diverged") && Contains(local.string()));
    CHECK(assay::detail::read_file(local) == before);
  }
}

TEST_CASE("who takes over from a writer that may live goes on with a copy of the ledger, to the same result",
          "[session][lease]") {
  const toy::Folder folder;
  const std::string whole = toy::whole_hash(folder);
  DriverOptions options = toy::options(folder / "c");
  options.storage = Storage::shared;
  const auto rounds = options.max_rounds;
  options.max_rounds = 1;
  toy::driver(options).run();
  // As if a writer on another host had gone on, and been silent for two minutes.
  const std::int64_t generation = assay::detail::newest_lease(folder / "c") + 1;
  const std::filesystem::path lease = assay::detail::lease_file(folder / "c", generation);
  assay::detail::Holder elsewhere = assay::detail::this_holder();
  elsewhere.boot = "another";
  assay::detail::write_file_durably(
      lease, to_string(assay::detail::LeaseText{
                 .state = assay::detail::LeaseState::held, .after = generation - 1, .holder = elsewhere}));
  options.max_rounds = rounds;
  options.resume = Resume::required;
  CHECK_THROWS_WITH(toy::driver(options), Contains("assay.campaign.locked"));
  for (const auto& write : {+[](const std::filesystem::path& dir) { repair_campaign(dir); },
                            +[](const std::filesystem::path& dir) { retry_samples(dir, std::vector<SampleId>{0}); },
                            +[](const std::filesystem::path& dir) { abandon_samples(dir, std::vector<SampleId>{0}); },
                            +[](const std::filesystem::path& dir) { import_labels(dir, dir); }}) {
    CHECK_THROWS_WITH(write(folder / "c"), Contains("assay.campaign.locked"));  // R4 and its siblings
  }
  const std::string before = assay::detail::read_file(folder / "c/ledger.sqlite");
  std::filesystem::last_write_time(lease, std::filesystem::last_write_time(lease) - std::chrono::minutes(2));
  toy::driver(options).run();
  CHECK(std::filesystem::exists(folder / ("c/ledger." + std::to_string(generation + 1) + ".sqlite")));
  CHECK(assay::detail::read_file(folder / "c/ledger.sqlite") == before);  // left to the one that may live
  CHECK(campaign_hash(folder / "c") == whole);
  CHECK(check_campaign(folder / "c").problems.empty());
}
