// SPDX-License-Identifier: Apache-2.0
// What an exported network costs in a solver: one point, and a million points beside the bare products of its layers.
#include <assay/data/space.hpp>
#include <assay/learner/ensemble.hpp>
#include <assay/learner/mlp.hpp>
#include <assay/surrogate.hpp>
#include <assay/training/default_training_loop.hpp>

#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <vector>

namespace {

using namespace assay;

constexpr std::int64_t many = 1'000'000, blocks = 192;

/// The least seconds of some runs.
template <class Run>
double seconds(int runs, Run run) {
  double least = 1e300;
  for (int i = 0; i < runs; ++i) {
    const auto began = std::chrono::steady_clock::now();
    run();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  }
  return least;
}

void train(AnyLearner learner, const std::filesystem::path& directory) {
  Values batch = sobol(Space{{"a", -1, 1}, {"b", -1, 1}, {"c", -1, 1}, {"d", -1, 1}}, 200);
  batch.set("y", (batch["a"] * 3).sin() * batch["b"] + batch["c"] * batch["d"]);
  const TensorPool pool(batch), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  DefaultTrainingLoop({.epochs = 5}).train(LearnerRef(learner), context);
  export_learner(learner, directory);
}

void measure(const char* name, const std::filesystem::path& directory, std::int64_t members) {
  const Surrogate surrogate(directory);
  const std::vector<double> point{0.1, 0.2, 0.3, 0.4};
  double mean = 0, deviation = 0;
  const std::span<double> deviations = surrogate.has_deviation() ? std::span(&deviation, 1) : std::span<double>();
  const double one = seconds(20,
                             [&] {
                               for (int i = 0; i < 1000; ++i) surrogate.predict(point, {&mean, 1}, deviations);
                             }) /
                     1000;
  const torch::Tensor x = torch::rand({many, 4}, torch::kFloat64);
  std::vector<double> points(x.const_data_ptr<double>(), x.const_data_ptr<double>() + x.numel());
  std::vector<double> means(many), spreads(surrogate.has_deviation() ? many : 0);
  const double all = seconds(3, [&] { surrogate.predict(points, means, spreads); });
  // The same products, of the tensor library on one thread, in blocks that stay in the caches as those of the
  // surrogate.
  const torch::NoGradGuard no_gradients;
  const torch::Tensor in = torch::rand({blocks, 4}), hidden = torch::rand({blocks, 64}), first = torch::rand({4, 64}),
                      middle = torch::rand({64, 64}), last = torch::rand({64, 1});
  torch::Tensor out = torch::empty({blocks, 64}), end = torch::empty({blocks, 1});
  const double products = seconds(3, [&] {
    for (std::int64_t i = 0; i < many / blocks * members; ++i) {
      torch::mm_out(out, in, first);
      torch::mm_out(out, hidden, middle);
      torch::mm_out(out, hidden, middle);
      torch::mm_out(end, hidden, last);
    }
  });
  std::printf("%-22s one point %6.2f us; a million %6.3f s, bare products %6.3f s: %.2f times\n", name, one * 1e6, all,
              products, all / products);
}

}  // namespace

int main() {
  torch::set_num_threads(1);
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "assay_bench_surrogate";
  for (const char* activation : {"silu", "relu", "tanh"}) {
    train(Mlp({.inputs = {"a", "b", "c", "d"}, .targets = {"y"}, .hidden = {64, 64, 64}, .activation = activation}),
          folder);
    measure((std::string("mlp 3x64 ") + activation).c_str(), folder, 1);
  }
  train(Ensemble({.members = 5, .inputs = {"a", "b", "c", "d"}, .targets = {"y"}, .hidden = {64, 64, 64}}), folder);
  measure("ensemble of 5, silu", folder, 5);
  std::filesystem::remove_all(folder);
}
