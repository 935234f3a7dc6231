// SPDX-License-Identifier: Apache-2.0
// What the driver itself costs a phase: a campaign whose strategies do nothing worth mentioning, less the time spent
// waiting for the disk. Prints one JSON object.
#include <assay/detail/files.hpp>
#include <assay/data/space.hpp>
#include <assay/driver.hpp>
#include <assay/label/function_label.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/query/random.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

struct NoTraining {
  assay::TrainingReport train(assay::LearnerRef learner, assay::TrainingContext& context) {
    if (!context.fine_tuning) learner->fit_scaling(context.labeled.all(), false);  // what it takes to be asked at all
    return {.epochs = 1};
  }
  assay::State save() const { return {}; }
  void load(const assay::State&) {}
};

struct OneNumber {
  assay::Measurements measure(const assay::MetrologyContext&) const { return {{"one", 1.0}}; }
};

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t rounds = argc > 1 ? std::atoll(argv[1]) : 200;
  const std::int64_t candidates = argc > 2 ? std::atoll(argv[2]) : 10'000;
  std::string folder = (std::filesystem::temp_directory_path() / "assay_bench_XXXXXX").string();
  if (!::mkdtemp(folder.data())) return 1;
  const assay::Space space{{"a", -1, 1}, {"b", 0, 2}};
  assay::Values labeled = assay::sobol(space, 16);
  labeled.set("y", labeled["a"] * labeled["b"]);
  assay::Driver driver(
      assay::DriverOptions{.dir = folder + "/campaign", .max_rounds = rounds},
      assay::Pools{.labeled = labeled, .unlabeled = assay::sobol(space, candidates, {.skip = 16})},
      assay::Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {16}}), assay::Random({.max_samples = 1}),
      assay::FunctionLabel({.provides = {"y"}},
                           [](const assay::Values& v) { return assay::Values{{"y", v.scalar("a") * v.scalar("b")}}; }),
      OneNumber(), NoTraining());
  const double synced_before = assay::detail::sync_seconds();
  const auto began = std::chrono::steady_clock::now();
  driver.run();
  const double total = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double synced = assay::detail::sync_seconds() - synced_before;
  const double phases = 5.0 * static_cast<double>(rounds) + 2;
  std::printf("{\"phases\": %.0f, \"seconds\": %.3f, \"sync_seconds\": %.3f, \"ms_per_phase\": %.3f}\n", phases, total,
              synced, 1e3 * (total - synced) / phases);
  std::filesystem::remove_all(folder);
}
