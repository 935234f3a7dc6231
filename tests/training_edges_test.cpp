// SPDX-License-Identifier: Apache-2.0
// Where a training ends in numbers that are not finite, and validation pools beyond a block.
#include "support/catch.hpp"
#include "support/linear_learner.hpp"
#include "support/toy.hpp"
#include "support/tensors.hpp"

#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/training/full_batch_loop.hpp>
#include <assay/training/sgd.hpp>

#include <cmath>
#include <limits>

using namespace assay;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A learner that was given weights, and then a training of it.
struct FineTuning {
  ModuleLearner learner = toy::linear();
  TensorPool labeled{toy::labeled(16)}, validation;
  std::vector<torch::Tensor> start;
  std::vector<EpochReport> epochs;

  /// \param steeper what the gradients of some parameters are multiplied with, as a steeper loss would.
  TrainingReport fine_tune(DefaultTrainingLoopOptions options, const std::vector<double>& steeper = {}) {
    DefaultTrainingLoopOptions nothing = options;
    nothing.epochs = 0;
    run(nothing, false);
    for (std::size_t i = 0; i < steeper.size(); ++i) {
      learner.parameters()[i].register_hook([factor = steeper[i]](const torch::Tensor& g) { return g * factor; });
    }
    start = copies(learner.parameters());
    epochs.clear();
    return run(options, true);
  }
  TrainingReport run(const DefaultTrainingLoopOptions& options, bool fine_tuning) {
    DefaultTrainingLoop loop(options);
    TrainingContext context{.labeled = labeled,
                            .validation = validation,
                            .round = fine_tuning ? 2 : 1,
                            .fine_tuning = fine_tuning,
                            .random = RandomKey(11),
                            .epoch_finished = [this](const EpochReport& epoch) { epochs.push_back(epoch); }};
    return loop.train(LearnerRef(learner), context);
  }
};

}  // namespace

TEST_CASE("the last step of all may not leave parameters that are not finite", "[training]") {
  // One step, whose loss is finite: nobody looks at another loss.
  for (const auto& [dtype, rate] : {std::pair{"float32", 1e38}, {"float64", 1e308}}) {
    INFO(dtype);
    FineTuning training;
    training.labeled = TensorPool(toy::labeled(16), 1000);
    CHECK_THROWS_WITH(
        training.fine_tune({.fine_tuning_epochs = 1, .batch_size = 16, .optimizer = Sgd({.lr = rate}), .dtype = dtype},
                           {1e6, 1e6}),
        Contains("assay.training.not_finite") && Contains("in epoch 1") && Contains("training diverged"));
    CHECK(same(training.learner.parameters(), training.start));
    CHECK(training.epochs.empty());
  }
}

TEST_CASE("a step that overflows one parameter alone is seen", "[training]") {
  for (const std::size_t which : {0, 1}) {
    for (const char* dtype : {"float32", "float64"}) {
      INFO(which << " " << dtype);
      FineTuning training;
      std::vector<double> steeper{1, 1};
      steeper[which] = infinity;
      CHECK_THROWS_AS(
          training.fine_tune(
              {.fine_tuning_epochs = 1, .batch_size = 16, .optimizer = Sgd({.lr = 1e-3}), .dtype = dtype}, steeper),
          TrainingError);
      CHECK(same(training.learner.parameters(), training.start));
    }
  }
}

TEST_CASE("a validation label that is not finite is named, the sample with id 0 too", "[training]") {
  for (const double bad : {infinity, std::numeric_limits<double>::quiet_NaN()}) {
    for (const auto& [first_id, row] : {std::pair{500, 4}, {500, 0}, {0, 0}}) {
      INFO("row " << row << " of ids from " << first_id);
      FineTuning training;
      training.labeled = TensorPool(toy::labeled(16), 1000);
      Values held = toy::labeled(6, 90);
      held["y"][row] = bad;
      training.validation = TensorPool(held, first_id);
      CHECK_THROWS_WITH(training.fine_tune({.fine_tuning_epochs = 2}),
                        Contains("assay.training.not_finite] sample " + std::to_string(first_id + row) + ":") &&
                            Contains("its 'y' holds") && Contains("validation loss") && Contains("in epoch 1"));
      CHECK(same(training.learner.parameters(), training.start));
    }
  }
}

TEST_CASE("the suspect of a training that diverges is the sample with the largest loss, of either pool", "[training]") {
  for (const bool in_validation : {false, true}) {
    FineTuning training;
    Values labeled = toy::labeled(16), held = toy::labeled(6, 90);
    (in_validation ? held : labeled)["y"][3] = 1e6;
    training.labeled = TensorPool(labeled, 1000);
    training.validation = TensorPool(held, 500);
    CHECK_THROWS_WITH(
        training.fine_tune({.fine_tuning_epochs = 3, .batch_size = 16, .optimizer = Sgd({.lr = 1e38})}, {1e6, 1e6}),
        Contains(in_validation ? "sample 503:" : "sample 1003:") && Contains("the largest"));
  }
}

TEST_CASE("the validation loss of more rows than a block is their mean, each row counting once", "[training]") {
  constexpr std::int64_t rows = 4096 + 100;
  FineTuning training;
  Values held = toy::labeled(rows, 100);
  // The last hundred, a block of their own, are far off.
  held["y"].narrow(0, 4096, 100).add_(50);
  training.validation = TensorPool(held, 10'000);
  const TrainingReport report = training.fine_tune({.fine_tuning_epochs = 1, .batch_size = 8, .dtype = "float64"});
  const torch::Tensor missed = training.learner.predict(held)["y"] - held["y"];
  const torch::Tensor labels = training.labeled.all()["y"];
  const double variance = (labels - labels.mean()).square().mean().item<double>();
  const double expected = missed.square().sum().item<double>() / variance / rows;
  REQUIRE(expected > 10);  // unweighted blocks would give some twenty times as much
  CHECK(report.validation_loss == Approx(expected));
}

TEST_CASE("a training on one sample, and one in batches larger than the pool, are trainings", "[training]") {
  for (const std::int64_t count : {1, 3}) {
    FineTuning training;
    training.labeled = TensorPool(toy::labeled(count));
    const TrainingReport report = training.fine_tune({.fine_tuning_epochs = 4, .batch_size = 64});
    CHECK(report.epochs == 4);
    CHECK(report.batches == 4);
    CHECK(std::isfinite(report.training_loss));
    CHECK_FALSE(same(training.learner.parameters(), training.start));
  }
}
