// SPDX-License-Identifier: Apache-2.0
// What only a CUDA device can show of whole trainings and campaigns.
#include "support/cuda_calls.hpp"
#include "support/device.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>

#include "support/catch.hpp"

using namespace assay;

namespace {

DefaultTrainingLoopOptions on_device(std::int64_t epochs) {
  return {.epochs = epochs,
          .batch_size = 8,
          .early_stopping = std::nullopt,
          .device = "cuda",
          .graph_capture = GraphCapture::required};
}

/// By how much the host waited in each epoch, from one epoch's end to the next.
template <class Learner>
std::vector<std::int64_t> waits_in_epochs(Learner learner, bool validates) {
  const TensorPool labeled(toy::labeled(90)), none;
  const TensorPool validation(toy::labeled(30, 400));
  std::vector<std::int64_t> waits;
  std::int64_t before = 0;
  TrainingContext context{
      .labeled = labeled, .validation = validates ? validation : none, .round = 1, .random = RandomKey(1)};
  context.epoch_finished = [&](const EpochReport&) {
    waits.push_back(cuda_calls::waits() - before);
    before = cuda_calls::waits();
  };
  DefaultTrainingLoopOptions options = on_device(40);
  if (validates) options.early_stopping = EarlyStoppingOptions{.patience = 40};
  DefaultTrainingLoop(options).train(LearnerRef(learner), context);
  return waits;
}

auto campaign_on_device(const std::filesystem::path& dir, std::int64_t rounds) {
  DriverOptions options = toy::options(dir);
  options.resume = Resume::if_present;
  options.max_rounds = rounds;
  DefaultTrainingLoopOptions loop = on_device(6);
  loop.fine_tuning_epochs = 5;
  return Driver(std::move(options), toy::pools(), toy::ensemble(), MaxVariance({.max_samples = 4}), toy::label(),
                Metrics(Rmse(), R2()), DefaultTrainingLoop(loop));
}

}  // namespace

TEST_CASE("in an epoch of recorded steps the host waits once for a CUDA device", "[training][cuda]") {
  if (no_cuda_device()) return;
  for (const bool validates : {false, true}) {
    INFO((validates ? "with" : "without") << " validation");
    for (const std::vector<std::int64_t>& waits :
         {waits_in_epochs(toy::mlp(), validates), waits_in_epochs(toy::ensemble(), validates)}) {
      REQUIRE(waits.size() == 40);
      for (std::size_t epoch = 10; epoch < 40; ++epoch) CHECK(waits[epoch] == 1);  // the first record their work
    }
  }
}

TEST_CASE("a campaign that trains on a CUDA device goes on as if it had not been interrupted", "[session][cuda]") {
  if (no_cuda_device()) return;
  const toy::Folder folder;
  campaign_on_device(folder / "whole", 3).run();
  campaign_on_device(folder / "parts", 1).run();
  campaign_on_device(folder / "parts", 2).run();
  auto last = campaign_on_device(folder / "parts", 3);
  last.run();
  CHECK(campaign_hash(folder / "parts") == campaign_hash(folder / "whole"));
  CHECK(last.learner().parameters().front().is_cuda());
}
