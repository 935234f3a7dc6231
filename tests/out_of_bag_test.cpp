// SPDX-License-Identifier: Apache-2.0
// Early stopping of an ensemble on the samples that its members leave out.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/training/adam.hpp>
#include <assay/transform/standardise.hpp>

using namespace assay;

namespace {

DefaultTrainingLoopOptions watching(Watch watch, std::int64_t epochs = 6) {
  return {.epochs = epochs,
          .fine_tuning_epochs = 3,
          .batch_size = 8,
          .optimizer = Adam({.lr = 0.02}),
          .early_stopping = EarlyStoppingOptions{.patience = 5, .watch = watch},
          .holdout = 4};
}

struct BaggedTraining {
  Ensemble learner = toy::ensemble();
  TensorPool labeled{toy::labeled(40)}, validation;

  TrainingContext context() const {
    return {.labeled = labeled, .validation = validation, .round = 1, .random = RandomKey(40)};
  }
  TrainingReport run(DefaultTrainingLoop& loop) {
    TrainingContext given = context();
    return loop.train(LearnerRef(learner), given);
  }
  Batch packed() const { return learner.pack(labeled.all(), labeled.ids()); }
};

/// Weights that leave sample i out of member `left_out[i]` alone.
torch::Tensor weights(const std::vector<std::int64_t>& left_out, std::int64_t members) {
  torch::Tensor all = torch::ones({static_cast<std::int64_t>(left_out.size()), members});
  for (std::size_t i = 0; i < left_out.size(); ++i) all[static_cast<std::int64_t>(i)][left_out[i]] = 0;
  return all;
}

double loss_of(Ensemble& learner, Batch batch, const std::vector<std::int64_t>& left_out) {
  batch.weights = weights(left_out, 3);
  return learner.out_of_bag_step(batch).item<double>();
}

}  // namespace

TEST_CASE("a sample's out-of-bag loss is that of the members that leave it out", "[training]") {
  BaggedTraining training;
  DefaultTrainingLoop loop(watching(Watch::out_of_bag));
  training.run(loop);
  const Batch two = training.packed().slice(0, 2);
  // All members in turn are the members' mean.
  double mean = 0;
  for (const std::int64_t member : {0, 1, 2}) mean += loss_of(training.learner, two, {member, member}) / 3;
  CHECK(mean == Approx(training.learner.validation_step(two).item<double>()).epsilon(1e-5));
  // Each sample by its own member.
  const double first = loss_of(training.learner, two.slice(0, 1), {2});
  const double second = loss_of(training.learner, two.slice(1, 1), {0});
  CHECK(loss_of(training.learner, two, {2, 0}) == Approx((first + second) / 2).epsilon(1e-5));
  // Several members: their mean.
  Batch one = two.slice(0, 1);
  one.weights = torch::tensor({{0.0F, 2.0F, 0.0F}});
  CHECK(training.learner.out_of_bag_step(one).item<double>() ==
        Approx((loss_of(training.learner, one, {0}) + loss_of(training.learner, one, {2})) / 2).epsilon(1e-5));
}

TEST_CASE("an ensemble that is stopped on its out-of-bag samples trains on every label", "[training]") {
  BaggedTraining all, some;
  DefaultTrainingLoop watches(watching(Watch::out_of_bag)), holds(watching(Watch::holdout));
  const TrainingReport report = all.run(watches);
  CHECK(report.batches == report.epochs * 5);
  CHECK(some.run(holds).batches < report.epochs * 5);
  // What the report says of the best epoch is what the learner has now.
  Batch packed = all.packed();
  packed = packed.rows((packed.weights == 0).any(1).nonzero().flatten());
  CHECK(packed.size() > 20);
  CHECK(report.validation_loss == Approx(all.learner.out_of_bag_step(packed).item<double>()).epsilon(1e-4));
}

TEST_CASE("members are not judged on what they have learnt", "[training]") {
  // Labels that are noise: there is nothing to learn, and all that is learnt is learnt by heart.
  BaggedTraining training;
  Values noise = toy::labeled(40);
  for (std::int64_t i = 0; i < 40; ++i) noise["y"][i] = RandomKey(3).with(i).uniform();
  training.labeled = TensorPool(noise);
  DefaultTrainingLoopOptions options = watching(Watch::out_of_bag, 300);
  options.early_stopping->patience = 100;
  std::vector<EpochReport> epochs;
  TrainingContext context = training.context();
  context.epoch_finished = [&](const EpochReport& epoch) { epochs.push_back(epoch); };
  DefaultTrainingLoop loop(options);
  const TrainingReport report = loop.train(LearnerRef(training.learner), context);
  CHECK(report.ended_by == "early_stopping");
  CHECK(report.best_epoch < 30);
  CHECK(epochs.back().training_loss < 0.8 * epochs.front().training_loss);
  CHECK(epochs.back().validation_loss > report.validation_loss);
  CHECK(report.validation_loss > 0.8);  // standardised labels have a variance of one
}

TEST_CASE("a training that watches out-of-bag samples goes on where it was stopped", "[training]") {
  BaggedTraining whole, cut;
  DefaultTrainingLoop once(watching(Watch::out_of_bag)), first(watching(Watch::out_of_bag));
  const TrainingReport expected = whole.run(once);
  TrainingContext context = cut.context();
  int epochs = 0;
  context.stop_requested = [&] { return ++epochs == 3; };
  REQUIRE(first.train(LearnerRef(cut.learner), context).ended_by == "stop_requested");
  BaggedTraining later;
  later.learner.load(cut.learner.save());
  DefaultTrainingLoop second(watching(Watch::out_of_bag));
  second.load(first.save());
  const TrainingReport report = later.run(second);
  CHECK(report.validation_loss == expected.validation_loss);
  CHECK(later.learner.predict(toy::labeled(5, 90))["y"].equal(whole.learner.predict(toy::labeled(5, 90))["y"]));
}

TEST_CASE("a validation pool goes before out-of-bag samples", "[training]") {
  BaggedTraining given, without;
  given.validation = TensorPool(toy::labeled(20, 100));
  DefaultTrainingLoop watches(watching(Watch::out_of_bag)), holds(watching(Watch::holdout));
  without.validation = given.validation;
  CHECK(given.run(watches).validation_loss == without.run(holds).validation_loss);
}

TEST_CASE("only an ensemble with a bootstrap leaves samples out", "[training]") {
  const TensorPool labeled(toy::labeled(24)), none;
  const auto train = [&](auto learner) {
    DefaultTrainingLoop loop(watching(Watch::out_of_bag));
    TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = RandomKey(1)};
    return loop.train(LearnerRef(learner), context);
  };
  CHECK_THROWS_WITH(train(toy::mlp()), Contains("assay.training.out_of_bag"));
  CHECK_THROWS_WITH(train(Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y"}, .bootstrap = false})),
                    Contains("assay.training.out_of_bag"));
  CHECK(std::isfinite(train(AnyLearner(toy::ensemble())).validation_loss));
  CHECK(std::isfinite(train(Transformed(toy::ensemble(), {{"y", Standardise()}})).validation_loss));
}
