// SPDX-License-Identifier: Apache-2.0
// What the ledger and a checkpoint at every phase cost: the moons campaign with them, less the time that the campaign's
// own thread spent waiting for the disk, against the same learner, loop, strategies and metrics without a campaign
// around them. Waits of the thread that writes checkpoints are not taken off: nobody waits for them but at the end.
// Prints one JSON object of medians. usage: bench_durability [RUNS]
#include "median.hpp"
#include "moons.hpp"

#include <assay/any/any_query.hpp>
#include <assay/detail/driver_checks.hpp>
#include <assay/detail/files.hpp>
#include <assay/driver.hpp>
#include <assay/label/function_label.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/metrology/metrology.hpp>
#include <assay/query/least_confidence.hpp>
#include <assay/training/sgd.hpp>

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t rounds = 70, labeled = 50, total = 1000;

const assay::Values& points() {
  static const assay::Values made = moons::make(total, 0.7, 0.25, assay::RandomKey(7).with("points"));
  return made;
}
const assay::Values& test() {
  static const assay::Values made = moons::make(total, 0.7, 0.25, assay::RandomKey(7).with("test"));
  return made;
}
assay::Values part(std::int64_t first, std::int64_t count) {
  assay::Values batch;
  for (const auto& [name, tensor] : points()) batch.set(name, tensor.narrow(0, first, count));
  return batch;
}
assay::Mlp learner() { return assay::Mlp({.inputs = {"x", "y"}, .targets = {"label"}, .hidden = {16}, .classes = 2}); }
assay::LeastConfidence query() { return assay::LeastConfidence({.max_samples = 10}); }
assay::Metrics metrics() { return assay::Metrics(assay::ClassificationReport(), assay::Accuracy()); }
assay::DefaultTrainingLoop loop() {
  return assay::DefaultTrainingLoop({.epochs = 30,
                                     .fine_tuning_epochs = 30,
                                     .batch_size = 16,
                                     .optimizer = assay::Sgd({.lr = 0.01}),
                                     .fine_tuning_lr = 0.005,
                                     .scheduler = assay::ConstantSchedule(),
                                     .early_stopping = std::nullopt});
}
assay::Values solve(const assay::Values& point) {
  const torch::Tensor row = (points()["x"] == point["x"]).logical_and(points()["y"] == point["y"]).nonzero();
  return {{"label", points()["label"][row[0].item<std::int64_t>()]}};
}

void durable(const std::filesystem::path& dir) {
  assay::Driver driver(
      assay::DriverOptions{.dir = dir, .max_rounds = rounds, .seed = 7, .final_training = false},
      assay::Pools{
          .labeled = part(0, labeled), .unlabeled = part(labeled, total - labeled).without({"label"}), .test = test()},
      learner(), query(), assay::FunctionLabel({.provides = {"label"}}, solve), metrics(), loop());
  driver.run();
}

/// The same work with nothing kept.
void bare() {
  assay::Mlp model = learner();
  assay::DefaultTrainingLoop training = loop();
  const assay::LeastConfidence strategy = query();
  assay::Metrics measuring = metrics();
  const assay::RandomKey random(7);
  assay::TensorPool known(part(0, labeled)), none, tests(test(), 100'000);
  const assay::TensorPool candidates(part(labeled, total - labeled).without({"label"}), labeled);
  std::vector<std::int64_t> live(total - labeled);
  std::iota(live.begin(), live.end(), 0);
  const assay::LearnerRef ref(model);
  for (std::int64_t round = 1; round <= rounds; ++round) {
    assay::TrainingContext context{.labeled = known,
                                   .validation = none,
                                   .round = round,
                                   .fine_tuning = round > 1,
                                   .random = random.with("training").with(round)};
    training.train(ref, context);
    const assay::LearnerView view(ref, {});
    assay::detail::measure_with(measuring, assay::MetrologyInputs{.evaluation = assay::PoolView(tests, tests.ids()),
                                                                  .labeled = assay::PoolView(known, known.ids()),
                                                                  .learner = view,
                                                                  .round = round,
                                                                  .random = random});
    std::vector<assay::SampleId> ids(live);
    for (assay::SampleId& id : ids) id += labeled;
    const assay::PoolView unlabeled(candidates, live, ids);
    const assay::Selection picked = assay::detail::select_with(
        strategy, assay::QueryInputs{.unlabeled = unlabeled,
                                     .labeled = assay::PoolView(known, known.ids()),
                                     .learner = view,
                                     .round = round,
                                     .random = random});
    std::vector<std::int64_t> rows;
    for (const std::int64_t position : picked.positions) {
      const std::int64_t row = live[static_cast<std::size_t>(position)];
      assay::Values sample = assay::row(candidates.gather(std::vector<std::int64_t>{row}), 0);
      sample.merge(solve(sample));
      const assay::Sample one{labeled + row, std::move(sample)};
      known.append({&one, 1});
      rows.push_back(row);
    }
    std::erase_if(live, [&](std::int64_t row) { return std::find(rows.begin(), rows.end(), row) != rows.end(); });
  }
}

struct Seconds {
  double wall, processor;  // the latter of all threads, the kernel's part with it
};

Seconds seconds_of(const auto& work) {
  const auto began = std::chrono::steady_clock::now();
  const std::clock_t processor = std::clock();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(),
          static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC};
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const int runs = argc > 1 ? std::atoi(argv[1]) : 5;
  std::string folder = (std::filesystem::temp_directory_path() / "assay_bench_XXXXXX").string();
  if (!::mkdtemp(folder.data())) return 1;
  std::vector<double> with, without, synced, synced_beside, ratio, processor;
  bare();  // once for nothing: what is loaded at the first use
  for (int run = 0; run < runs; ++run) {
    const double all_before = assay::detail::sync_seconds(), own_before = assay::detail::own_sync_seconds();
    const Seconds kept = seconds_of([&] { durable(folder + "/" + std::to_string(run)); });
    synced.push_back(assay::detail::own_sync_seconds() - own_before);
    synced_beside.push_back(assay::detail::sync_seconds() - all_before - synced.back());
    const Seconds lost = seconds_of(bare);
    with.push_back(kept.wall);
    without.push_back(lost.wall);
    processor.push_back(kept.processor);
    ratio.push_back((kept.wall - synced.back()) / lost.wall);
  }
  std::printf(
      "{\"runs\": %d, \"durable\": %.3f, \"of_which_sync\": %.3f, \"sync_beside\": %.3f, \"bare\": %.3f, "
      "\"ratio_less_sync\": %.3f, \"processor\": %.3f}\n",
      runs, bench::median(with), bench::median(synced), bench::median(synced_beside), bench::median(without),
      bench::median(ratio), bench::median(processor));
  std::filesystem::remove_all(folder);
}
