// SPDX-License-Identifier: Apache-2.0
// What a later training starts from, and with how many threads it runs.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/training/adam.hpp>

#include <ATen/Parallel.h>

using namespace assay;

namespace {

/// A first training and a later one of the same learner.
struct Trainings {
  Mlp learner = toy::mlp();
  TensorPool labeled{toy::labeled(24)}, none;
  std::vector<double> rates = {};

  TrainingContext context(std::int64_t round) {
    return {.labeled = labeled,
            .validation = none,
            .round = round,
            .fine_tuning = round > 1,
            .random = RandomKey(40).with(round),
            .epoch_finished = [this](const EpochReport& epoch) { rates.push_back(epoch.learning_rate); }};
  }
  TrainingReport train(DefaultTrainingLoop& loop, std::int64_t round) {
    TrainingContext given = context(round);
    return loop.train(LearnerRef(learner), given);
  }
  torch::Tensor parameters() const {
    std::vector<torch::Tensor> all;
    for (const torch::Tensor& parameter : learner.parameters()) all.push_back(parameter.detach().flatten().clone());
    return at::cat(all);
  }
};

DefaultTrainingLoopOptions starting_from(WarmStart warm_start) {
  return {.epochs = 5,
          .fine_tuning_epochs = 3,
          .batch_size = 8,
          .optimizer = Adam({.lr = 0.02}),
          .fine_tuning_lr = 0.005,
          .warm_start = warm_start,
          .scheduler = ConstantSchedule(),
          .early_stopping = std::nullopt};
}

/// What the weights are turned into, before any step.
torch::Tensor started(ShrinkAndPerturbOptions how, std::int64_t round, const std::string& dtype = "float64") {
  auto given = starting_from(WarmStart::shrink_and_perturb);
  given.epochs = 2;
  given.fine_tuning_epochs = 0;
  given.shrink_and_perturb = how;
  given.dtype = dtype;
  DefaultTrainingLoop loop(given);
  Trainings campaign;
  campaign.train(loop, 1);
  const torch::Tensor before = campaign.parameters().to(torch::kFloat64);
  campaign.train(loop, round);
  return campaign.parameters().to(torch::kFloat64) - how.shrink * before;
}

}  // namespace

TEST_CASE("a later training that resets is a first training of its round", "[training]") {
  DefaultTrainingLoop loop(starting_from(WarmStart::reset));
  Trainings twice, once;
  twice.train(loop, 1);
  twice.rates.clear();
  CHECK(twice.train(loop, 2).epochs == 5);
  CHECK(twice.rates == std::vector<double>(5, 0.02));
  TrainingContext first = once.context(2);
  first.fine_tuning = false;
  loop.train(LearnerRef(once.learner), first);
  CHECK(torch::equal(twice.parameters(), once.parameters()));
}

TEST_CASE("a later training goes on at the fine-tuning rate, shrunk or not", "[training]") {
  for (const WarmStart warm_start : {WarmStart::continued, WarmStart::shrink_and_perturb}) {
    DefaultTrainingLoop loop(starting_from(warm_start));
    Trainings campaign;
    campaign.train(loop, 1);
    campaign.rates.clear();
    CHECK(campaign.train(loop, 2).epochs == 3);
    CHECK(campaign.rates == std::vector<double>(3, 0.005));
  }
}

TEST_CASE("weights are shrunk by the stated factor and perturbed by noise of the stated deviation", "[training]") {
  CHECK(started({.shrink = 0.6, .perturb = 0}, 2).abs().max().item<double>() < 1e-15);
  const torch::Tensor noise = started({.shrink = 0.3, .perturb = 0.5}, 2);
  CHECK(noise.numel() == 3 * 8 + 9 * 8 + 9);
  CHECK(noise.mean().item<double>() == Approx(0).margin(4 * 0.5 / std::sqrt(105.0)));
  CHECK(noise.std().item<double>() == Approx(0.5).epsilon(0.25));
  CHECK(torch::allclose(started({.shrink = 0.3, .perturb = 0.5}, 2), noise));
  CHECK_FALSE(torch::allclose(started({.shrink = 0.3, .perturb = 0.5}, 3), noise, 0.1, 0.1));
  CHECK(torch::allclose(started({.shrink = 0.3, .perturb = 0.5}, 2, "float32"), noise, 1e-4, 1e-4));
  CHECK_THROWS_AS(DefaultTrainingLoop({.shrink_and_perturb = {.shrink = 1.5}}), ConfigError);
}

TEST_CASE("a training that shrank and perturbed goes on from its middle without doing so again", "[training]") {
  DefaultTrainingLoop loop(starting_from(WarmStart::shrink_and_perturb)),
      before(starting_from(WarmStart::shrink_and_perturb)), after(starting_from(WarmStart::shrink_and_perturb));
  Trainings whole, parts, resumed;
  for (const std::int64_t round : {1, 2}) whole.train(loop, round);

  parts.train(before, 1);
  bool stop = false;
  TrainingContext context = parts.context(2);
  context.epoch_finished = [&](const EpochReport&) { stop = true; };
  context.stop_requested = [&] { return stop; };
  CHECK(before.train(LearnerRef(parts.learner), context).ended_by == "stop_requested");
  resumed.learner.load(parts.learner.save());
  after.load(before.save());
  CHECK(resumed.train(after, 2).epochs == 3);
  CHECK(torch::equal(resumed.parameters(), whole.parameters()));
}

TEST_CASE("threads are chosen for the sizes, within what the host allows, and kept with a training", "[training]") {
  const int host = at::get_num_threads();
  at::set_num_threads(3);
  const auto train = [](std::int64_t width, std::optional<std::int64_t> threads) {
    Mlp learner({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {width, width}});
    const TensorPool labeled(toy::labeled(512)), none;
    TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = RandomKey(1)};
    DefaultTrainingLoop loop({.epochs = 1, .batch_size = 512, .early_stopping = std::nullopt, .threads = threads});
    return loop.train(LearnerRef(learner), context).threads;
  };
  CHECK(train(16, std::nullopt) == 1);
  CHECK(train(512, std::nullopt) == 3);
  CHECK(train(16, 2) == 2);
  CHECK(at::get_num_threads() == 3);

  // A state that was made with two threads goes on with two, on a host that allows them, though one would be chosen.
  DefaultTrainingLoop first(starting_from(WarmStart::continued)), second(starting_from(WarmStart::continued));
  Trainings campaign;
  TrainingContext context = campaign.context(1);
  context.stop_requested = [] { return true; };
  first.train(LearnerRef(campaign.learner), context);
  State state = first.save();
  CHECK(state.json.at("training").at("threads") == 1);
  state.json["training"]["threads"] = 2;
  second.load(state);
  CHECK(campaign.train(second, 1).threads == 2);
  at::set_num_threads(host);
}

TEST_CASE("a dense network gives the same gradients with one thread and with several", "[training]") {
  const int host = at::get_num_threads();
  Mlp learner({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {300, 517}});
  learner.fit_scaling(toy::labeled(400), false);
  learner.reset(1);
  const Batch batch = learner.pack(toy::labeled(400), std::vector<SampleId>(400));
  const auto gradients = [&](int threads) {
    at::set_num_threads(threads);
    learner.loss_and_gradients(batch);
    std::vector<torch::Tensor> all;
    for (const torch::Tensor& parameter : learner.parameters()) all.push_back(parameter.grad().flatten().clone());
    return at::cat(all);
  };
  const torch::Tensor one = gradients(1);
  CHECK(torch::equal(gradients(2), one));
  CHECK(torch::equal(gradients(3), one));
  at::set_num_threads(host);
}
