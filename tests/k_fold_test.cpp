// SPDX-License-Identifier: Apache-2.0
// The number of epochs by cross-validation.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/driver.hpp>
#include <assay/error.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/k_fold.hpp>

#include <set>

using namespace assay;

namespace {

KFoldOptions with_folds(std::int64_t folds = 4, std::int64_t epochs = 12) {
  return {.folds = folds,
          .training = {.epochs = epochs,
                       .batch_size = 8,
                       .optimizer = Adam({.lr = 0.02}),
                       .early_stopping = EarlyStoppingOptions{.patience = 3}}};
}

/// Tells which samples it is trained and judged on.
struct Spy {
  Mlp mlp = toy::mlp();
  std::vector<std::vector<SampleId>> packed;  // in the order the loop asks: training, validation

  std::vector<std::string> inputs() const { return mlp.inputs(); }
  std::vector<std::string> targets() const { return mlp.targets(); }
  std::vector<torch::Tensor> parameters() const { return mlp.parameters(); }
  Batch pack(const Values& samples, std::span<const SampleId> ids) const {
    const_cast<Spy*>(this)->packed.emplace_back(ids.begin(), ids.end());
    return mlp.pack(samples, ids);
  }
  torch::Tensor training_step(const Batch& batch) { return mlp.training_step(batch); }
  Values predict(const Values& x) const { return mlp.predict(x); }
  void set_training(bool training) { mlp.set_training(training); }
  void reset(std::uint64_t seed) { mlp.reset(seed); }
  void to(torch::Device device, torch::Dtype dtype) { mlp.to(device, dtype); }
  void fit_scaling(const Values& samples, bool keep) { mlp.fit_scaling(samples, keep); }
  State save() const { return mlp.save(); }
  void load(const State& state) { mlp.load(state); }
};

struct KFoldTraining {
  TensorPool labeled{toy::labeled(26)}, validation;
  std::vector<EpochReport> epochs;

  TrainingContext context() {
    return {.labeled = labeled,
            .validation = validation,
            .round = 1,
            .random = RandomKey(40),
            .epoch_finished = [this](const EpochReport& epoch) { epochs.push_back(epoch); }};
  }
  template <class Learner>
  TrainingReport run(KFold& loop, Learner& learner) {
    TrainingContext given = context();
    return loop.train(LearnerRef(learner), given);
  }
};

/// The best epoch of each training in a list of epochs, and its validation loss.
std::vector<EpochReport> best_of_each(const std::vector<EpochReport>& epochs) {
  std::vector<EpochReport> best;
  for (const EpochReport& epoch : epochs) {
    if (epoch.epoch == 1) {
      best.push_back(epoch);
    } else if (epoch.validation_loss < best.back().validation_loss) {
      best.back() = epoch;
    }
  }
  return best;
}

}  // namespace

TEST_CASE("each sample is held out once, and the last training has all of them", "[training]") {
  KFoldTraining training;
  Spy spy;
  KFold loop(with_folds());
  training.run(loop, spy);
  REQUIRE(spy.packed.size() == 9);  // two for each part, and all
  const std::set<SampleId> all(training.labeled.ids().begin(), training.labeled.ids().end());
  std::multiset<SampleId> judged;
  for (std::size_t part = 0; part < 4; ++part) {
    const auto& rest = spy.packed[2 * part];
    const auto& held = spy.packed[2 * part + 1];
    CHECK((held.size() == 6 || held.size() == 7));
    std::set<SampleId> both(rest.begin(), rest.end());
    for (const SampleId id : held) CHECK(both.insert(id).second);
    CHECK(both == all);
    judged.insert(held.begin(), held.end());
  }
  CHECK(judged == std::multiset<SampleId>(all.begin(), all.end()));
  CHECK(spy.packed.back() == training.labeled.ids());
}

TEST_CASE("training on all samples takes the median of the parts' best epochs", "[training]") {
  KFoldTraining training;
  Mlp learner = toy::mlp();
  KFold loop(with_folds(3));
  const TrainingReport report = training.run(loop, learner);
  std::vector<EpochReport> best = best_of_each(training.epochs);
  REQUIRE(best.size() == 4);
  std::vector<std::int64_t> epochs{best[0].epoch, best[1].epoch, best[2].epoch};
  std::sort(epochs.begin(), epochs.end());
  CHECK(training.epochs.back().epoch == epochs[1]);
  CHECK(report.best_epoch == epochs[1]);
  CHECK(report.epochs == static_cast<std::int64_t>(training.epochs.size()));
  CHECK(std::isnan(training.epochs.back().validation_loss));
  // 26 samples are dealt into 9, 9 and 8.
  CHECK(report.validation_loss ==
        Approx((9 * best[0].validation_loss + 9 * best[1].validation_loss + 8 * best[2].validation_loss) / 26));

  // What it ends with is what the default loop makes of all samples in as many epochs.
  DefaultTrainingLoopOptions plain = with_folds().training;
  plain.epochs = epochs[1];
  plain.early_stopping.reset();
  Mlp same = toy::mlp();
  DefaultTrainingLoop default_loop(plain);
  TrainingContext context{
      .labeled = training.labeled, .validation = training.validation, .round = 1, .random = RandomKey(40).with("all")};
  default_loop.train(LearnerRef(same), context);
  CHECK(toy::prediction(same).equal(toy::prediction(learner)));
}

TEST_CASE("of an even number of parts the median is the mean of the middle two, rounded up", "[training]") {
  bool differ = false;
  for (std::uint64_t seed = 40; seed < 46; ++seed) {
    KFoldTraining training;
    Mlp learner = toy::mlp();
    KFoldOptions restless = with_folds(4, 40);
    restless.training.optimizer = Adam({.lr = 0.2});
    KFold loop(restless);
    TrainingContext context = training.context();
    context.random = RandomKey(seed);
    loop.train(LearnerRef(learner), context);
    std::vector<std::int64_t> best;
    for (const EpochReport& epoch : best_of_each(training.epochs)) best.push_back(epoch.epoch);
    REQUIRE(best.size() == 5);
    best.pop_back();
    std::sort(best.begin(), best.end());
    const std::int64_t taken = training.epochs.back().epoch;
    INFO("seed " << seed << ": " << best[0] << " " << best[1] << " " << best[2] << " " << best[3] << ", " << taken);
    const std::int64_t from_low = taken - best[1], from_high = best[2] - taken;
    CHECK((from_low == from_high || from_low == from_high + 1));
    differ |= (best[1] + best[2]) % 2 == 1 && best[0] != best[3];
  }
  CHECK(differ);  // else the rounding was never asked for
}

TEST_CASE("a training of parts that is stopped anywhere goes on to the same end", "[training]") {
  KFoldTraining whole;
  Mlp expected = toy::mlp();
  KFold once(with_folds());
  const TrainingReport report = whole.run(once, expected);
  const auto count = static_cast<int>(whole.epochs.size());
  REQUIRE(count > 20);
  for (const int stop : {1, 7, count / 2, count - 2}) {
    KFoldTraining cut;
    Mlp learner = toy::mlp();
    KFold loop(with_folds());
    TrainingContext context = cut.context();
    int epochs = 0;
    State saved_loop, saved_learner;
    context.epoch_finished = [&](const EpochReport&) {
      if (++epochs != stop) return;
      saved_loop = loop.save();
      saved_learner = learner.save();
    };
    context.stop_requested = [&] { return epochs >= stop; };
    REQUIRE(loop.train(LearnerRef(learner), context).ended_by == "stop_requested");
    for (const bool from_checkpoint : {true, false}) {
      KFoldTraining later;
      Mlp other = toy::mlp();
      KFold second(with_folds());
      other.load(from_checkpoint ? saved_learner : learner.save());
      second.load(from_checkpoint ? saved_loop : loop.save());
      const TrainingReport ended = later.run(second, other);
      CHECK(toy::prediction(other).equal(toy::prediction(expected)));
      CHECK(ended.validation_loss == report.validation_loss);
      CHECK(ended.epochs == report.epochs);
    }
  }
}

TEST_CASE("with a validation pool, or one sample, there are no parts", "[training]") {
  KFoldTraining with;
  with.validation = TensorPool(toy::labeled(10, 100));
  Spy spy;
  KFold loop(with_folds());
  with.run(loop, spy);
  CHECK(spy.packed.size() == 2);

  KFoldTraining single;
  single.labeled = TensorPool(toy::labeled(1));
  Spy alone;
  CHECK(single.run(loop, alone).ended_by == "epochs");
  CHECK(alone.packed.size() == 1);

  KFoldTraining few;  // each sample a part
  few.labeled = TensorPool(toy::labeled(3));
  Spy leave_one_out;
  KFold five(with_folds(5));
  few.run(five, leave_one_out);
  CHECK(leave_one_out.packed.size() == 7);
}

TEST_CASE("cross-validation without early stopping, or from earlier weights, is refused", "[training]") {
  KFoldOptions never = with_folds(), shrunk = with_folds();
  never.training.early_stopping.reset();
  shrunk.training.warm_start = WarmStart::shrink_and_perturb;
  CHECK_THROWS_WITH(KFold(never), Contains("/training/early_stopping"));
  CHECK_THROWS_WITH(KFold(shrunk), Contains("/training/warm_start"));
  CHECK_THROWS_WITH(KFold({.folds = 1}), Contains("folds"));
  CHECK(KFold().options.training.warm_start == WarmStart::reset);
}

TEST_CASE("a state of parts that lies is refused", "[training]") {
  KFoldTraining training;
  Mlp learner = toy::mlp();
  KFold loop(with_folds());
  TrainingContext context = training.context();
  context.stop_requested = [] { return true; };
  loop.train(LearnerRef(learner), context);
  const State good = loop.save();
  CHECK_NOTHROW(KFold(with_folds()).load(good));
  State late = good, absent = good;
  late.json["parts"]["best_epochs"] = {1, 1'000'000'000'000};
  absent.json["parts"].erase("loss_sum");
  CHECK_THROWS_AS(KFold(with_folds()).load(late), CheckpointError);
  CHECK_THROWS_AS(KFold(with_folds()).load(absent), CheckpointError);
}

TEST_CASE("a campaign trains with folds from a configuration", "[training]") {
  const toy::Folder folder;
  const Registries registries;
  const AnyTrainingLoop loop = registries.loop.make(
      {{"type", "k_fold"}, {"folds", 3}, {"training", {{"epochs", 4}, {"batch_size", 8}}}}, registries);
  CHECK(loop.spec()["training"]["warm_start"] == "reset");
  Driver driver(toy::options(folder / "campaign"), toy::pools(), toy::mlp(), Random({.max_samples = 4}), toy::label(),
                Metrics(Rmse()), loop);
  CHECK(driver.run() == RunStatus::finished);
  CHECK(driver.records().size() > 1);
}
