// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/label/external_label.hpp>
#include <assay/campaign_hash.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/round_files.hpp>
#include <assay/tools/check.hpp>
#include <assay/tools/labels.hpp>
#include <assay/tools/status.hpp>

#include <algorithm>
#include <fstream>

namespace fs = std::filesystem;
using namespace assay;

namespace {

std::string run_rounds(const fs::path& dir, std::int64_t rounds = 3) {
  DriverOptions options = toy::options(dir);
  options.max_rounds = rounds;
  options.resume = Resume::if_present;
  toy::driver(options).run();
  return campaign_hash(dir);
}

/// A campaign that was ended while the second round's labels came in: four are folded in, two are not.
void run_into_labeling(const fs::path& dir) {
  struct Breaks {
    int* calls;
    std::vector<std::string> provides() const { return {"y"}; }
    void label(LabelContext& context) {
      while (const auto job = context.next()) {
        if (++*calls == 7) throw std::runtime_error("scheduler gone");
        context.accept(*job, toy::solve(job->inputs));
      }
    }
  };
  int calls = 0;
  Driver driver(toy::options(dir), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}), Breaks{&calls},
                Metrics(Rmse(), R2()), toy::loop());
  CHECK_THROWS_WITH(driver.run(), Contains("scheduler gone"));
}

void damage(const fs::path& file, const std::string& how) {
  std::string bytes = assay::detail::read_file(file);
  if (how == "deleted") {
    fs::remove(file);
    return;
  }
  if (how == "truncated") bytes.resize(bytes.size() / 2);
  if (how == "emptied") bytes.clear();
  if (how == "overwritten") std::fill(bytes.begin(), bytes.begin() + 4096, 'x');
  if (how == "bits flipped") {
    for (std::size_t i = 100; i < bytes.size(); i += 997) bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
  }
  std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("a campaign that nothing happened to is found intact", "[tools]") {
  const toy::Folder folder;
  run_rounds(folder / "c");
  const CheckReport report = check_campaign(folder / "c");
  CHECK(report.problems.empty());
  CHECK(report.notes.empty());
  CHECK(report.labels == 12);
  CHECK_THROWS_WITH(check_campaign(folder / "none"), Contains("assay.campaign.missing"));
}

TEST_CASE("a damaged ledger is rebuilt, and no integrated label is computed again", "[tools]") {
  const auto how = GENERATE(as<std::string>(), "deleted", "truncated", "emptied", "overwritten", "bits flipped");
  const toy::Folder folder;
  const std::string hash = run_rounds(folder / "whole");
  run_into_labeling(folder / "c");
  damage(folder / "c/ledger.sqlite", how);
  INFO(how);
  CHECK_FALSE(check_campaign(folder / "c").problems.empty());
  const CheckReport repaired = repair_campaign(folder / "c");
  CHECK(repaired.problems.empty());
  CHECK_FALSE(repaired.repairs.empty());
  CHECK(repaired.labels >= 4);
  // The rest of the campaign: at most the two labels of the second round that no file held yet are computed again.
  int calls = 0;
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::required;
  toy::driver(options, FunctionLabel({.provides = {"y"}, .function = "solve"},
                                     [&](const Values& x) { return ++calls, toy::solve(x); }))
      .run();
  CHECK(calls <= 8);
  CHECK(campaign_hash(folder / "c") == hash);
  CHECK(check_campaign(folder / "c").problems.empty());
}

TEST_CASE("damage to any other file is found, and mended where the ledger can", "[tools]") {
  const toy::Folder folder;
  run_rounds(folder / "c");
  SECTION("a label file") {
    damage(folder / "c/labels/round_000002.safetensors", GENERATE(as<std::string>(), "deleted", "bits flipped"));
    CHECK_FALSE(check_campaign(folder / "c").problems.empty());
    CHECK(repair_campaign(folder / "c").problems.empty());
    CHECK(read_safetensors(folder / "c/labels/round_000002.safetensors").at("labels/y").size(0) == 4);
  }
  SECTION("a file of picks") {
    damage(folder / "c/labels/picks_000001.safetensors", "truncated");
    CHECK_FALSE(check_campaign(folder / "c").problems.empty());
    CHECK(repair_campaign(folder / "c").problems.empty());
  }
  SECTION("a checkpoint") {
    const fs::path newest = fs::directory_iterator(folder / "c/checkpoints")->path();
    damage(newest / "state.safetensors", "bits flipped");
    const CheckReport report = check_campaign(folder / "c");
    // One that changed nothing about the learner shares its tensors with the one before, and its damage.
    REQUIRE_FALSE(report.problems.empty());
    for (const std::string& problem : report.problems) CHECK_THAT(problem, Contains("checksum"));
    CHECK_THAT(report.problems[0] + report.problems.back(), Contains(newest.filename().string()));
    DriverOptions options = toy::options(folder / "c");
    options.resume = Resume::required;
    const std::string hash = run_rounds(folder / "whole");
    toy::driver(options).run();
    CHECK(campaign_hash(folder / "c") == hash);
  }
}

TEST_CASE("without a ledger, labels that were paid for are not started over", "[tools]") {
  const toy::Folder folder;
  run_rounds(folder / "c");
  fs::remove(folder / "c/ledger.sqlite");
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::if_present;
  CHECK_THROWS_WITH(toy::driver(options), Contains("assay.ledger.missing") && Contains("--repair"));
}

TEST_CASE("failed samples that are tried again are folded in, also after the campaign's end", "[tools]") {
  const toy::Folder folder;
  int calls = 0;
  const auto solver = [&](const Values& x) -> Values {
    if (++calls <= 2) throw std::runtime_error("licence server gone");
    return toy::solve(x);
  };
  DriverOptions options = toy::options(folder / "c");
  const FunctionLabel label({.provides = {"y"}, .function = "solve"}, solver);
  toy::driver(options, label).run();
  CHECK(campaign_status(folder / "c")["counts"]["failed"] == 2);
  CHECK(campaign_status(folder / "c")["failures"][0]["reason"] == "licence server gone");
  CHECK_THROWS_WITH(retry_samples(folder / "c", std::vector<SampleId>{9999}), Contains("assay.ledger.sample"));
  CHECK(retry_samples(folder / "c", std::nullopt) == 2);
  CHECK(retry_samples(folder / "c", std::nullopt) == 0);
  options.resume = Resume::required;
  {
    toy::Driver driver = toy::driver(options, label);
    driver.run();
    CHECK(driver.counts().failed == 0);
    CHECK(driver.counts().labels == 12);
    CHECK(driver.labeled().size() == 28);
  }
  CHECK(calls == 14);
  // All of it stands in the label files too.
  const std::string hash = campaign_hash(folder / "c");
  damage(folder / "c/ledger.sqlite", "deleted");
  CHECK(repair_campaign(folder / "c").problems.empty());
  CHECK(campaign_hash(folder / "c") == hash);
  CHECK(check_campaign(folder / "c").problems.empty());
}

TEST_CASE("samples that were given up are not waited for", "[tools]") {
  const toy::Folder folder;
  run_into_labeling(folder / "c");
  const Json counts = campaign_status(folder / "c")["counts"];
  CHECK(counts["queued"] == 2);
  std::vector<SampleId> ids;
  {
    const Ledger ledger = Ledger::open_read_only(folder / "c/ledger.sqlite", objects_folder(folder / "c"));
    ids = ledger.in_state(SampleState::queued);
  }
  CHECK(abandon_samples(folder / "c", ids) == 2);
  run_rounds(folder / "c");
  CHECK(campaign_status(folder / "c")["counts"]["abandoned"] == 2);
  CHECK(campaign_status(folder / "c")["counts"]["labels"] == 10);
}

TEST_CASE("labels of another campaign answer samples of the same content", "[tools]") {
  const toy::Folder folder;
  const std::string hash = run_rounds(folder / "paid");
  {
    DriverOptions none = toy::options(folder / "c");
    none.max_rounds = 0;
    toy::driver(none).run();
  }
  const ImportReport report = import_labels(folder / "c", folder / "paid");
  CHECK(report.added == 12);
  CHECK(report.refused.empty());
  CHECK(import_labels(folder / "c", folder / "paid").known == 12);
  int calls = 0;
  DriverOptions options = toy::options(folder / "c");
  options.resume = Resume::required;
  toy::Driver driver = toy::driver(options, FunctionLabel({.provides = {"y"}, .function = "solve"},
                                                          [&](const Values& x) { return ++calls, toy::solve(x); }));
  driver.run();
  CHECK(calls == 0);
  CHECK(driver.counts().labels == 12);
  CHECK(driver.counts().simulations == 0);
  CHECK(campaign_hash(folder / "c") == hash);
}

TEST_CASE("the table of labels holds every sample with its history", "[tools]") {
  const toy::Folder folder;
  run_rounds(folder / "c");
  const LabelTable table = label_table(folder / "c");
  CHECK(table.strategy == std::vector<std::string>(12, "variance"));
  CHECK(batch_size(table.columns) == 12);
  const torch::Tensor a = table.columns["a"], b = table.columns["b"];
  CHECK(torch::allclose(table.columns["y"], (a * 3).sin() * b + 10));
  CHECK(table.columns["assay.round"].numel() == 12);
  CHECK(table.columns["assay.round"][11].item<std::int64_t>() == 3);
}

TEST_CASE("two campaigns are told apart by the first thing in which they differ", "[tools]") {
  const toy::Folder folder;
  run_rounds(folder / "a");
  run_rounds(folder / "b");
  CHECK_FALSE(first_difference(folder / "a", folder / "b"));
  run_rounds(folder / "longer", 4);
  CHECK_THAT(*first_difference(folder / "a", folder / "longer"), Contains("pick 13: none"));
  DriverOptions other = toy::options(folder / "other");
  toy::driver(other, FunctionLabel({.provides = {"y"}, .function = "solve"},
                                   [](const Values& x) { return Values{{"y", toy::solve(x).scalar("y") + 1e-9}}; }))
      .run();
  CHECK_THAT(*first_difference(folder / "a", folder / "other"), Contains("label 1: other values"));
}

TEST_CASE("a campaign of the first format goes on, with every label it had", "[tools]") {
  const toy::Folder folder;
  fs::copy(fs::path(ASSAY_FIXTURES) / "format_1", folder / "c", fs::copy_options::recursive);
  CHECK(campaign_status(folder / "c")["counts"]["labels"] == 5);  // read without being changed
  const Space space{{"a", -1, 1}, {"b", 0, 2}};
  Values labeled = assay::sobol(space, 8);
  labeled.set("y", labeled["a"] * labeled["b"]);
  int calls = 0;
  // The loss is an option that came later: its default is what this campaign had, another one is a change.
  CHECK_THROWS_WITH(Driver({.dir = folder / "c", .max_rounds = 3, .seed = 5, .resume = Resume::required},
                           {.labeled = labeled, .unlabeled = assay::sobol(space, 40, {.skip = 8})},
                           Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {4}, .loss = RegressionLoss::huber}),
                           Random({.max_samples = 4}), ExternalLabel({.provides = {"y"}})),
                    Contains("/learner/loss") && Contains("\"mse\"") && Contains("\"huber\""));
  {
    Driver driver({.dir = folder / "c", .max_rounds = 3, .seed = 5, .resume = Resume::required},
                  {.labeled = labeled, .unlabeled = assay::sobol(space, 40, {.skip = 8})},
                  Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {4}}), Random({.max_samples = 4}),
                  FunctionLabel({.provides = {"y"}},
                                [&](const Values& x) {
                                  ++calls;
                                  return Values{{"y", x.scalar("a") * x.scalar("b")}};
                                }),
                  Rmse(), DefaultTrainingLoop({.epochs = 2, .fine_tuning_epochs = 2}));
    driver.run();
    CHECK(calls == 6);  // two of round 2 were open, four came in round 3
    CHECK(driver.counts().labels == 11);
    CHECK(driver.counts().failed == 1);
  }
  CHECK(repair_campaign(folder / "c").problems.empty());
}
