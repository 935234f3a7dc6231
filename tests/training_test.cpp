// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/linear_learner.hpp"
#include "support/toy.hpp"
#include "support/tensors.hpp"

#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/sgd.hpp>
#include <assay/training/torch_optimizer.hpp>

#include <torch/optim/sgd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

using namespace assay;

namespace {

struct EnsembleTraining {
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

/// A first training and a fine-tuning of a linear module.
struct Tuning {
  ModuleLearner learner = toy::linear(mse_loss);
  TensorPool labeled{toy::labeled(16)}, none;
  void train(DefaultTrainingLoop& loop, bool fine_tuning) {
    TrainingContext context{.labeled = labeled,
                            .validation = none,
                            .round = fine_tuning ? 2 : 1,
                            .fine_tuning = fine_tuning,
                            .random = RandomKey(fine_tuning ? 12 : 11)};
    loop.train(LearnerRef(learner), context);
  }
  std::vector<torch::Tensor> both(DefaultTrainingLoopOptions options) {
    options.early_stopping = std::nullopt;
    DefaultTrainingLoop loop(options);
    train(loop, false);
    train(loop, true);
    return copies(learner.parameters());
  }
};

}  // namespace

TEST_CASE("a training continued from its state in the middle ends where the uninterrupted one ends", "[training]") {
  EnsembleTraining whole;
  DefaultTrainingLoop loop(training());
  auto context = whole.context();
  loop.train(LearnerRef(whole.learner), context);

  EnsembleTraining first, second;
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
  CHECK(torch::equal(toy::prediction(whole.learner), toy::prediction(second.learner)));
}

TEST_CASE("early stopping returns to the best epoch", "[training]") {
  EnsembleTraining run;
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

TEST_CASE("held-out samples are the same ones in every training, and by default there are none", "[training]") {
  using Labels = std::multiset<float>;
  Labels trained, held;
  ModuleLearner learner = toy::linear(
      [&](const torch::Tensor& out, const torch::Tensor& target, const torch::Tensor& w) {
        Labels& seen = at::GradMode::is_enabled() ? trained : held;
        for (std::int64_t i = 0; i < target.size(0); ++i) seen.insert(target[i].item<float>());
        return mse_loss(out, target, w);
      });
  const TensorPool labeled(toy::labeled(40)), none;
  DefaultTrainingLoop loop({.epochs = 1,
                            .fine_tuning_epochs = 1,
                            .batch_size = 8,
                            .early_stopping = EarlyStoppingOptions{.watch = Watch::holdout},
                            .holdout = 4});
  Labels first;
  for (const bool fine_tuning : {false, true}) {
    trained.clear();
    held.clear();
    TrainingContext context{.labeled = labeled,
                            .validation = none,
                            .round = 1 + fine_tuning,
                            .fine_tuning = fine_tuning,
                            .random = RandomKey(11 + fine_tuning)};
    const TrainingReport report = loop.train(LearnerRef(learner), context);
    CHECK(std::isfinite(report.validation_loss));
    CHECK(trained.size() + held.size() == 40);
    CHECK(held.size() >= 4);
    CHECK(held.size() <= 18);
    for (const float label : held) CHECK(trained.count(label) == 0);
    if (fine_tuning) CHECK(held == first);
    first = held;
  }
  for (const auto& stopping : {std::optional<EarlyStoppingOptions>(), std::optional(EarlyStoppingOptions{})}) {
    trained.clear();
    held.clear();
    DefaultTrainingLoop all({.epochs = 1, .batch_size = 8, .early_stopping = stopping});
    TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = RandomKey(11)};
    CHECK(std::isnan(all.train(LearnerRef(learner), context).validation_loss));
    CHECK(trained.size() == 40);
  }
}

TEST_CASE("gradients are clipped to the stated norm over all parameters, and kept below it", "[training]") {
  const auto step = [](std::optional<double> clip) {
    Tuning tuning;
    DefaultTrainingLoop nothing({.epochs = 0, .early_stopping = std::nullopt});
    tuning.train(nothing, false);
    const std::vector<torch::Tensor> before = copies(tuning.learner.parameters());
    DefaultTrainingLoop one({.fine_tuning_epochs = 1,
                             .batch_size = 16,
                             .optimizer = Sgd({.lr = 1}),
                             .gradient_clip = clip,
                             .early_stopping = std::nullopt});
    tuning.train(one, true);
    std::vector<torch::Tensor> change;
    for (std::size_t i = 0; i < before.size(); ++i) {
      change.push_back((tuning.learner.parameters()[i].detach() - before[i]).flatten());
    }
    return torch::cat(change).to(torch::kFloat64);
  };
  const torch::Tensor free = step(std::nullopt), clipped = step(0.25), loose = step(100);
  const double norm = free.norm().item<double>();
  REQUIRE(norm > 0.5);
  CHECK(clipped.norm().item<double>() == Approx(0.25).epsilon(1e-4));
  CHECK(torch::allclose(clipped, free * (0.25 / norm), 1e-4, 1e-6));
  CHECK(torch::allclose(loose, free, 1e-5, 1e-7));
}

TEST_CASE("fine_tuning_lr replaces the rate of every parameter, of torch::optim's groups as well", "[training]") {
  const auto tuned = [](AnyOptimizer optimizer, std::optional<double> rate) {
    return Tuning().both({.epochs = 0, .fine_tuning_epochs = 1, .optimizer = optimizer, .fine_tuning_lr = rate});
  };
  const auto torch_sgd = [](double lr) { return TorchOptimizer<torch::optim::SGD>(torch::optim::SGDOptions(lr)); };
  const std::vector<torch::Tensor> start = Tuning().both({.epochs = 0, .fine_tuning_epochs = 0});
  for (const auto& [low, high] : {std::pair<AnyOptimizer, AnyOptimizer>{Sgd({.lr = 0.01}), Sgd({.lr = 0.1})},
                                  std::pair<AnyOptimizer, AnyOptimizer>{torch_sgd(0.01), torch_sgd(0.1)}}) {
    const std::vector<torch::Tensor> expected = tuned(low, std::nullopt);
    CHECK(same(tuned(high, 0.01), expected));
    const std::vector<torch::Tensor> fast = tuned(high, std::nullopt);
    for (std::size_t i = 0; i < start.size(); ++i) {
      CHECK_FALSE(torch::equal(expected[i], start[i]));
      CHECK_FALSE(torch::equal(expected[i], fast[i]));
    }
  }
}

TEST_CASE("moments are kept between trainings only where reset_optimizer_states is off", "[training]") {
  const auto options = [](bool reset) {
    return DefaultTrainingLoopOptions{.epochs = 3,
                                      .fine_tuning_epochs = 2,
                                      .batch_size = 8,
                                      .optimizer = Adam({.lr = 0.05}),
                                      .early_stopping = std::nullopt,
                                      .reset_optimizer_states = reset};
  };
  const std::vector<torch::Tensor> fresh = Tuning().both(options(true)), kept = Tuning().both(options(false));
  CHECK_FALSE(same(fresh, kept));

  Tuning tuning, resumed, new_loop;
  DefaultTrainingLoop loop(options(false)), second(options(false)), third(options(true)), forgetful(options(true));
  tuning.train(loop, false);
  CHECK_FALSE(loop.save().tensors.empty());
  resumed.learner.load(tuning.learner.save());
  second.load(loop.save());
  resumed.train(second, true);
  CHECK(same(resumed.learner.parameters(), kept));

  new_loop.train(third, false);
  CHECK(third.save().tensors.empty());
  new_loop.train(forgetful, true);
  CHECK(same(new_loop.learner.parameters(), fresh));
}

TEST_CASE("an exception of the learner's own loss leaves the parameters of the epoch's start", "[training]") {
  int calls = 0;
  bool shape_error = false;
  ModuleLearner learner = toy::linear(
      [&](const torch::Tensor& out, const torch::Tensor& target, const torch::Tensor& w) {
        if (++calls == 8 && shape_error) return mse_loss(out.squeeze(1), target, w);
        if (calls == 8) throw std::runtime_error("a loss of the user's own");
        return mse_loss(out, target, w);
      });
  const TensorPool labeled(toy::labeled(40)), none;  // five batches an epoch
  std::vector<torch::Tensor> start;
  DefaultTrainingLoop loop({.epochs = 3, .batch_size = 8, .early_stopping = std::nullopt});
  TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = RandomKey(11)};
  context.epoch_finished = [&](const EpochReport&) { start = copies(learner.parameters()); };
  for (const bool other : {false, true}) {
    calls = 0;
    shape_error = other;
    if (other) {
      CHECK_THROWS_AS(loop.train(LearnerRef(learner), context), ShapeError);
    } else {
      CHECK_THROWS_WITH(loop.train(LearnerRef(learner), context), "a loss of the user's own");
    }
    CHECK(calls == 8);
    CHECK(same(learner.parameters(), start));
    for (const torch::Tensor& parameter : learner.parameters()) CHECK_FALSE(parameter.grad().defined());
  }
  const TrainingReport again = loop.train(LearnerRef(learner), context);
  CHECK(again.epochs == 3);
}

TEST_CASE("an error between two epochs leaves a training that goes on where it was", "[training]") {
  EnsembleTraining whole, broken;
  DefaultTrainingLoop loop(training()), other(training());
  auto context = whole.context();
  loop.train(LearnerRef(whole.learner), context);
  auto failing = broken.context();
  failing.epoch_finished = [](const EpochReport& epoch) {
    if (epoch.epoch == 4) throw std::runtime_error("disk full");
  };
  CHECK_THROWS_WITH(other.train(LearnerRef(broken.learner), failing), "disk full");
  failing.epoch_finished = [](const EpochReport&) {};
  CHECK(other.train(LearnerRef(broken.learner), failing).epochs == 9);
  CHECK(torch::equal(toy::prediction(whole.learner), toy::prediction(broken.learner)));
}

TEST_CASE("a training in float64 goes on in float64 from its state", "[training]") {
  const auto check = [](auto make) {
    auto options = training();
    options.dtype = "float64";
    const TensorPool labeled(toy::labeled(40)), validation(toy::labeled(10, 400));
    TrainingContext context{.labeled = labeled, .validation = validation, .round = 1, .random = RandomKey(11)};
    auto whole = make(), first = make(), second = make();
    DefaultTrainingLoop whole_loop(options), first_loop(options), second_loop(options);
    whole_loop.train(LearnerRef(whole), context);
    for (const torch::Tensor& parameter : whole.parameters()) CHECK(parameter.scalar_type() == torch::kFloat64);

    bool stop = false;
    context.epoch_finished = [&](const EpochReport& epoch) { stop = epoch.epoch == 4; };
    context.stop_requested = [&] { return stop; };
    CHECK(first_loop.train(LearnerRef(first), context).ended_by == "stop_requested");
    context.stop_requested = [] { return false; };
    second.load(first.save());
    for (const torch::Tensor& parameter : second.parameters()) CHECK(parameter.scalar_type() == torch::kFloat64);
    second_loop.load(first_loop.save());
    CHECK(second_loop.train(LearnerRef(second), context).epochs == 9);
    CHECK(same(second.parameters(), whole.parameters()));
  };
  check(toy::ensemble);
  check(toy::mlp);
  check([] { return toy::linear(mse_loss); });
}

TEST_CASE("a label that is not finite is named, and the parameters go back to the epoch's start", "[training]") {
  Tuning tuning;
  DefaultTrainingLoop loop({.epochs = 2, .fine_tuning_epochs = 2, .early_stopping = std::nullopt});
  tuning.train(loop, false);
  const std::vector<torch::Tensor> before = copies(tuning.learner.parameters());
  // A module keeps the standardisation of its first training: the label spoils its own sample alone.
  Values poisoned = toy::labeled(16);
  poisoned["y"][7] = std::numeric_limits<double>::quiet_NaN();
  tuning.labeled = TensorPool(poisoned, 1000);
  CHECK_THROWS_WITH(tuning.train(loop, true),
                    Contains("assay.training.not_finite] sample 1007:") && Contains("its 'y' holds nan at element 0"));
  CHECK(same(tuning.learner.parameters(), before));
}

TEST_CASE("a training that diverges names the sample with the largest loss", "[training]") {
  EnsembleTraining run;
  Values poisoned = toy::labeled(40);
  poisoned["y"][17] = 1e30;
  run.labeled = TensorPool(poisoned, 1000);
  DefaultTrainingLoop loop(
      {.epochs = 3, .batch_size = 8, .optimizer = Sgd({.lr = 1e30}), .early_stopping = std::nullopt});
  auto context = run.context();
  CHECK_THROWS_WITH(loop.train(LearnerRef(run.learner), context),
                    Contains("assay.training.not_finite] sample 1017:") && Contains("the largest"));
  for (const torch::Tensor& parameter : run.learner.parameters()) CHECK(torch::isfinite(parameter).all().item<bool>());
}

TEST_CASE("a device that is not there is refused with advice", "[training]") {
  if (at::hasCUDA()) SUCCEED("this program sees CUDA");
  EnsembleTraining run;
  DefaultTrainingLoop loop({.device = "cuda"});
  auto context = run.context();
  if (!at::hasCUDA()) CHECK_THROWS_WITH(loop.train(LearnerRef(run.learner), context), Contains("assay::cuda"));
  CHECK_THROWS_WITH(assay::detail::Moments({}).init({torch::zeros({2}, torch::kInt64)}), Contains("expected"));
}
