// SPDX-License-Identifier: Apache-2.0
// What a campaign of a million samples costs its ledger: durable label commits a second, and the seconds to open and
// resume it. Leaves the campaign in the folder given. Prints one JSON object.
// usage: bench_ledger DIR [SAMPLES] [PER_ROUND]
#include <assay/data/space.hpp>
#include <assay/detail/files.hpp>
#include <assay/driver.hpp>
#include <assay/label/external_label.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/query/random.hpp>
#include <assay/round_files.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

struct NoTraining {
  assay::TrainingReport train(assay::LearnerRef, assay::TrainingContext&) { return {.epochs = 1}; }
  assay::State save() const { return {}; }
  void load(const assay::State&) {}
};

double seconds_of(const auto& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

/// Labels a second of threads that each wait for the commit of every label.
double commits_a_second(const std::filesystem::path& folder, int threads, int labels) {
  assay::Ledger ledger = assay::Ledger::create(folder / "commits.sqlite", "bench", folder / "objects");
  std::vector<assay::NewEntry> entries;
  std::vector<assay::Start> starts;
  for (int i = 0; i < labels; ++i) {
    const assay::Values inputs{{"x", static_cast<double>(i)}};
    entries.push_back({.id = i,
                       .rank = i,
                       .score = 0.5,
                       .strategy = "bench",
                       .inputs = inputs,
                       .fingerprint = assay::fingerprint(inputs)});
    starts.push_back({i, ""});
  }
  ledger.commit_batch(1, entries, {});
  ledger.start_attempts(starts);
  const double seconds = seconds_of([&] {
    std::vector<std::jthread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        for (int i = t; i < labels; i += threads) ledger.complete(i, 1, assay::Values{{"y", 1.0 * i}}, 0.1);
      });
    }
  });
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove((folder / "commits.sqlite").string() + suffix);
  }
  return labels / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::filesystem::path folder = argv[1];
  const std::int64_t samples = argc > 2 ? std::atoll(argv[2]) : 1'000'000;
  const std::int64_t per_round = argc > 3 ? std::atoll(argv[3]) : 50'000;
  const assay::Space space{{"a", -1, 1}, {"b", 0, 2}, {"c", 0, 1}};
  assay::Values labeled = assay::sobol(space, 16);
  labeled.set("y", labeled["a"] * labeled["b"]);
  const auto campaign = [&](assay::Resume resume, std::int64_t rounds) {
    return assay::Driver(
        assay::DriverOptions{
            .dir = folder / "campaign", .max_rounds = rounds, .resume = resume, .skip_metrology = true},
        assay::Pools{.labeled = labeled, .unlabeled = assay::sobol(space, samples + 100, {.skip = 16})},
        assay::Mlp({.inputs = {"a", "b", "c"}, .targets = {"y"}, .hidden = {16}}),
        assay::Random({.max_samples = per_round}), assay::ExternalLabel({.provides = {"y"}}), assay::NoMetrology(),
        NoTraining());
  };
  double telling = 0;
  const std::int64_t rounds = samples / per_round;
  {
    auto driver = campaign(assay::Resume::never, rounds);
    while (driver.advance() == assay::RunStatus::waiting) {
      std::vector<assay::Told> told;
      for (const assay::Sample& sample : driver.ask(1000)) {
        told.push_back({sample.id, assay::done({{"y", sample.values.scalar("a") * sample.values.scalar("b")}})});
      }
      telling += seconds_of([&] { driver.tell(told); });
    }
  }
  std::int64_t resumed = 0;
  const double resume = seconds_of([&] {
    const auto driver = campaign(assay::Resume::required, rounds);
    resumed = driver.labeled().size();
  });
  const double pools = seconds_of([&] { assay::Values all = assay::sobol(space, samples + 100, {.skip = 16}); });
  std::printf(
      "{\"samples\": %lld, \"resumed\": %lld, \"open_and_resume_seconds\": %.2f, \"of_which_the_candidates\": %.2f, "
      "\"labels_told_a_second\": %.0f, \"commits_a_second_1_thread\": %.0f, \"commits_a_second_16_threads\": %.0f, "
      "\"ledger_bytes\": %lld}\n",
      static_cast<long long>(samples), static_cast<long long>(resumed), resume, pools,
      static_cast<double>(samples) / telling, commits_a_second(folder, 1, 5000), commits_a_second(folder, 16, 20000),
      static_cast<long long>(std::filesystem::file_size(folder / "campaign/ledger.sqlite")));
}
