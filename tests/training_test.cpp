// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/sgd.hpp>

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

using namespace assay;

namespace {

/// Steps of an optimizer on a quadratic with rotating gradients.
torch::Tensor path(AnyOptimizer optimizer, int steps) {
  torch::Tensor x = torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_();
  optimizer.init({x});
  for (int i = 0; i < steps; ++i) {
    x.mutable_grad() = (x.detach() * torch::tensor({1.0, 2.0, 0.5}, torch::kFloat64) + std::sin(i));
    optimizer.step(optimizer.lr());
  }
  return x.detach();
}

template <class Reference, class Options>
torch::Tensor reference(const Options& options, int steps) {
  torch::Tensor x = torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_();
  Reference optimizer({x}, options);
  for (int i = 0; i < steps; ++i) {
    x.mutable_grad() = (x.detach() * torch::tensor({1.0, 2.0, 0.5}, torch::kFloat64) + std::sin(i));
    optimizer.step();
  }
  return x.detach();
}

struct Run {
  Ensemble learner = toy::ensemble();
  TensorPool labeled{toy::labeled(40)};
  TensorPool validation{toy::labeled(10, 400)};
  TrainingContext context() {
    return {.labeled = labeled, .validation = validation, .round = 1, .random = RandomKey(11)};
  }
};

DefaultTrainingLoopOptions training() {
  return {.epochs = 9, .batch_size = 8, .scheduler = CosineSchedule({.final_factor = 0.1}), .gradient_clip = 1.0};
}

torch::Tensor prediction(const Ensemble& learner) { return learner.predict(toy::labeled(20, 90))["y"]; }

}  // namespace

TEST_CASE("optimizers take the steps of torch::optim", "[training]") {
  namespace optim = torch::optim;
  CHECK(torch::allclose(
      path(Sgd({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}), 20),
      reference<optim::SGD>(optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.01).nesterov(true), 20)));
  CHECK(torch::allclose(path(Adam({.lr = 0.1}), 20), reference<optim::Adam>(optim::AdamOptions(0.1), 20)));
  CHECK(torch::allclose(path(AdamW({.lr = 0.1, .weight_decay = 0.05}), 20),
                        reference<optim::AdamW>(optim::AdamWOptions(0.1).weight_decay(0.05), 20)));
}

TEST_CASE("schedules have their stated values", "[training]") {
  const auto at = [](const auto& schedule, std::int64_t epoch, std::int64_t epochs) {
    return schedule.factor({.epoch = epoch, .epochs = epochs, .history = {}});
  };
  CHECK(at(ConstantSchedule(), 3, 10) == 1);
  CHECK(at(CosineSchedule(), 0, 10) == 1);
  CHECK(at(CosineSchedule(), 5, 10) == Approx(0.5));
  CHECK(at(WarmupSchedule({.epochs = 4}), 0, 10) == Approx(0.2));
  CHECK(at(WarmupSchedule({.epochs = 4}), 4, 10) == 1);
}

TEST_CASE("a training continued from its state in the middle ends where the uninterrupted one ends", "[training]") {
  Run whole;
  DefaultTrainingLoop loop(training());
  auto context = whole.context();
  loop.train(LearnerRef(whole.learner), context);

  Run first, second;
  State learner_state, loop_state;
  DefaultTrainingLoop first_loop(training()), second_loop(training());
  auto first_context = first.context();
  first_context.epoch_finished = [&](const EpochReport& epoch) {
    if (epoch.epoch != 4) return;
    learner_state = first.learner.save();
    loop_state = first_loop.save();
    // What `save` gives is kept by others: it must not change with the training.
    for (auto* state : {&learner_state, &loop_state}) {
      Values copies;
      for (const auto& [name, tensor] : state->tensors) copies.set(name, tensor.clone());
      state->tensors = copies;
    }
  };
  first_loop.train(LearnerRef(first.learner), first_context);
  second.learner.load(learner_state);
  second_loop.load(loop_state);
  auto second_context = second.context();
  const TrainingReport report = second_loop.train(LearnerRef(second.learner), second_context);
  CHECK(report.epochs == 9);
  CHECK(torch::equal(prediction(whole.learner), prediction(second.learner)));
}

TEST_CASE("early stopping returns to the best epoch", "[training]") {
  Run run;
  DefaultTrainingLoop loop({.epochs = 300,
                            .batch_size = 8,
                            .optimizer = AdamW({.lr = 0.05}),
                            .early_stopping = EarlyStoppingOptions{.patience = 5}});
  auto context = run.context();
  std::vector<double> losses;
  context.epoch_finished = [&](const EpochReport& epoch) { losses.push_back(epoch.validation_loss); };
  const TrainingReport report = loop.train(LearnerRef(run.learner), context);
  CHECK(report.ended_by == "early_stopping");
  CHECK(report.epochs - report.best_epoch == 5);
  CHECK(report.validation_loss == *std::min_element(losses.begin(), losses.end()));
  const Batch packed = run.learner.pack(run.validation.all(), run.validation.ids());
  CHECK(run.learner.validation_step(packed).item<double>() == Approx(report.validation_loss).epsilon(1e-4));
}

TEST_CASE("a sample whose loss is not finite is named, and the parameters go back to the epoch's start", "[training]") {
  Run run;
  Values poisoned = toy::labeled(40);
  poisoned["y"][17] = std::numeric_limits<double>::quiet_NaN();
  // NaN spreads through the standardisation; a huge value overflows float32 in one sample alone.
  poisoned["y"][17] = 1e30;
  run.labeled = TensorPool(poisoned, 1000);
  DefaultTrainingLoop loop(
      {.epochs = 3, .batch_size = 8, .optimizer = Sgd({.lr = 1e30}), .early_stopping = std::nullopt});
  auto context = run.context();
  CHECK_THROWS_WITH(loop.train(LearnerRef(run.learner), context),
                    Contains("assay.training.not_finite") && Contains("sample 10"));
  for (const torch::Tensor& parameter : run.learner.parameters()) CHECK(torch::isfinite(parameter).all().item<bool>());
}

TEST_CASE("a device that is not there is refused with advice", "[training]") {
  if (at::hasCUDA()) SUCCEED("this program sees CUDA");
  Run run;
  DefaultTrainingLoop loop({.device = "cuda"});
  auto context = run.context();
  if (!at::hasCUDA()) CHECK_THROWS_WITH(loop.train(LearnerRef(run.learner), context), Contains("assay::cuda"));
  CHECK_THROWS_WITH(assay::detail::Moments({}).init({torch::zeros({2}, torch::kInt64)}), Contains("expected"));
}
