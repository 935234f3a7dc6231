// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/column.hpp"
#include "support/toy.hpp"

#include <assay/campaign_hash.hpp>
#include <assay/error.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/ledger.hpp>
#include <assay/transform/log_transform.hpp>
#include <assay/transform/standardise.hpp>

#include <ATen/ops/linalg_svd.h>

using namespace assay;

namespace {

/// A user's own: the first principal component of a curve.
class FirstComponent {
 public:
  static constexpr std::string_view key = "first_component";

  void fit(const torch::Tensor& values) {
    mean_ = values.mean(0);
    axis_ = std::get<2>(at::linalg_svd(values - mean_, /*full_matrices=*/false)).narrow(0, 0, 1);
  }
  torch::Tensor apply(const torch::Tensor& values) const { return (values - mean_).matmul(axis_.t()); }
  torch::Tensor invert(const torch::Tensor& transformed) const { return transformed.matmul(axis_) + mean_; }
  State save() const {
    State state;
    if (mean_.defined()) state.tensors.set("mean", mean_).set("axis", axis_);
    return state;
  }
  void load(const State& state) {
    if (state.tensors.empty()) return;
    mean_ = state.tensors["mean"];
    axis_ = state.tensors["axis"];
  }

 private:
  torch::Tensor mean_, axis_;
};

/// exp of the toy's answer: over four decades.
Values solve_steep(const Values& x) { return {{"y", std::exp(2 * (toy::solve(x).scalar("y") - 10))}}; }

Values steep(std::int64_t count, std::int64_t skip = 0) {
  Values batch = toy::labeled(count, skip);
  return batch.set("y", (2 * (batch["y"] - 10)).exp());
}

Transformed log_learner() { return Transformed(toy::ensemble(), {{"y", LogTransform()}}); }

void train_on(AnyLearner& learner, const Values& labeled, std::int64_t epochs = 30) {
  const TensorPool pool(labeled), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  DefaultTrainingLoop({.epochs = epochs, .batch_size = 8}).train(LearnerRef(learner), context);
}

Driver<Transformed, MaxVariance, FunctionLabel, Rmse> steep_campaign(DriverOptions options, const Values& test) {
  return {std::move(options),
          {.labeled = steep(16), .unlabeled = sobol(toy::space(), 60, {.skip = 16}), .test = test},
          log_learner(),
          MaxVariance({.max_samples = 4}),
          FunctionLabel({.provides = {"y"}}, solve_steep),
          Rmse(),
          toy::loop()};
}

}  // namespace

TEST_CASE("a logarithm is inverted to the median, with the variance of a log-normal variable", "[transform]") {
  const LogTransform transform;
  const torch::Tensor y = column({0.01, 1, 100});
  CHECK(torch::allclose(transform.apply(y), column({-4.605170185988091, 0, 4.605170185988091})));
  CHECK(torch::allclose(transform.invert(transform.apply(y)), y));
  // Of log-normal variables with the parameters (0, 1) and (1, 0.25): (e - 1) e, (e^0.25 - 1) e^2.25.
  CHECK(
      torch::allclose(transform.variance(column({0, 1}), column({1, 0.25})), column({4.670774270471604, 2.694758124})));
  CHECK_THROWS_WITH(transform.apply(column({1, 0})), Contains("assay.transform.log") && Contains("floor"));
  CHECK(torch::allclose(LogTransform({.floor = 0.1}).apply(column({-3, 1})), column({-2.302585092994046, 0})));
}

TEST_CASE("a variance goes through any transform, exactly through a linear one", "[transform]") {
  FirstComponent own;
  own.fit(torch::tensor({{0.0, 0.0}, {3.0, 4.0}, {6.0, 8.0}}, torch::kFloat64));
  const AnyTransform transform = own;
  // The axis is (0.6, 0.8): a variance of 4 along it has 1.44 and 2.56 in the components.
  CHECK(torch::allclose(transform.variance(column({1}), column({4})), torch::tensor({{1.44, 2.56}}, torch::kFloat64)));
}

TEST_CASE("a learner of transformed targets predicts in the units of the target", "[transform]") {
  const Values labeled = steep(48), test = steep(50, 100);
  AnyLearner plain = toy::ensemble(), learner = log_learner();
  train_on(plain, labeled, 200);
  train_on(learner, labeled, 200);
  const auto relative = [&](const AnyLearner& of) {
    return (of.predict(test)["y"].clamp_min(1e-3) / test["y"]).log().abs().mean().item<double>();
  };
  CHECK(relative(learner) < 0.5 * relative(plain));
  // Its variance is that of the log-normal whose logarithm the ensemble predicts.
  AnyLearner inside = toy::ensemble();
  Values logarithms = labeled;
  logarithms.set("y", labeled["y"].log());
  train_on(inside, logarithms, 200);
  const Values mean = inside.predict(test), variance = inside.variance(test);
  CHECK(learner.predict(test)["y"].equal(mean["y"].exp()));
  CHECK(torch::allclose(learner.variance(test)["y"], LogTransform().variance(mean["y"], variance["y"])));
}

TEST_CASE("a transform is fitted when training starts anew, and kept while a learner is fine-tuned", "[transform]") {
  AnyLearner learner = Transformed(toy::mlp(), {{"y", Standardise()}});
  train_on(learner, toy::labeled(16));
  const Values x = toy::labeled(5, 100);
  const torch::Tensor before = learner.predict(x)["y"];
  const torch::Tensor mean = learner.save().tensors["targets/y/scaler/mean"];
  learner.fit_scaling(toy::labeled(40), /*keep_function=*/true);
  CHECK(learner.save().tensors["targets/y/scaler/mean"].equal(mean));
  CHECK(torch::allclose(learner.predict(x)["y"], before, 1e-4, 1e-4));
  learner.fit_scaling(toy::labeled(40), /*keep_function=*/false);
  CHECK_FALSE(learner.save().tensors["targets/y/scaler/mean"].equal(mean));
}

TEST_CASE("a user's own transform changes how many numbers are learnt", "[transform]") {
  Values labeled = toy::labeled(32);
  const torch::Tensor shape = torch::linspace(0, 1, 50, torch::kFloat32);
  labeled.set("y", (labeled["y"].to(torch::kFloat32) - 10).unsqueeze(1) * shape + 1);
  Registries registries;
  registries.transform.add<FirstComponent>();
  const Json spec{
      {"type", "transformed"}, {"learner", spec_of(toy::mlp())}, {"targets", {{"y", {{"type", "first_component"}}}}}};
  AnyLearner learner = registries.learner.make(spec, registries);
  CHECK(registries.learner.make(learner.spec(), registries).spec() == learner.spec());
  CHECK_THROWS_WITH(learner.predict(labeled), Contains("untrained"));
  train_on(learner, labeled);
  const torch::Tensor predicted = learner.predict(labeled)["y"];
  CHECK(predicted.sizes() == labeled["y"].sizes());
  CHECK(predicted.scalar_type() == torch::kFloat32);
  CHECK((predicted.select(1, 0) - 1).abs().max().item<double>() < 1e-5);  // every curve begins there
  CHECK(learner.save().tensors["learner/bias/2"].numel() == 1);

  AnyLearner copy = registries.learner.make(spec, registries);
  copy.load(learner.save());
  CHECK(copy.predict(labeled)["y"].equal(predicted));
  Json wrong = spec;
  wrong["targets"]["z"] = {{"type", "log"}};
  wrong["targets"]["y"] = {{"type", "first_compnent"}};
  CHECK_THROWS_WITH(registries.learner.make(wrong, registries), Contains("/targets/y") && Contains("first_component"));
  wrong["targets"]["y"] = {{"type", "log"}, {"floor", -1}};
  CHECK_THROWS_WITH(registries.learner.make(wrong, registries), Contains("/targets/y/floor"));
  wrong["targets"]["y"] = {{"type", "log"}};
  CHECK_THROWS_WITH(registries.learner.make(wrong, registries), Contains("/targets/z"));
}

TEST_CASE("every registered transform is its own inverse's inverse and comes back from its state",
          "[transform][laws]") {
  const Registries registries;
  const torch::Tensor values = torch::tensor({{1.0, 5.0}, {2.0, 5.0}, {400.0, 5.0}}, torch::kFloat64);
  for (const RegistryRow& row : registries.transform.rows()) {
    INFO(row.key);
    AnyTransform transform = registries.transform.make({{"type", row.key}}, registries);
    transform.fit(values);
    const torch::Tensor z = transform.apply(values);
    CHECK(torch::allclose(transform.invert(z), values));
    AnyTransform again = registries.transform.make(transform.spec(), registries);
    again.load(transform.save());
    CHECK(again.apply(values).equal(z));
    // A small variance goes through as through the slope.
    const torch::Tensor small = torch::full_like(z, 1e-6);
    const torch::Tensor slope = (transform.invert(z + 1e-4) - transform.invert(z - 1e-4)) / 2e-4;
    CHECK(torch::allclose(transform.variance(z, small), slope.square() * small, 1e-3, 0));
  }
}

TEST_CASE("a campaign with transformed targets goes on where it was", "[transform]") {
  const toy::Folder folder;
  steep_campaign(toy::options(folder / "whole"), steep(20, 200)).run();
  DriverOptions options = toy::options(folder / "parts");
  options.resume = Resume::if_present;
  for (const std::int64_t rounds : {1, 2, 3}) {
    options.max_rounds = rounds;
    options.final_training = rounds == 3;
    steep_campaign(options, steep(20, 200)).run();
  }
  CHECK(campaign_hash(folder / "parts") == campaign_hash(folder / "whole"));
}

TEST_CASE("the labels of the test pool change nothing but its metrics", "[transform][laws]") {
  const toy::Folder folder;
  Values other = steep(20, 200);
  other.set("y", other["y"].flip(0) * 7);
  auto one = steep_campaign(toy::options(folder / "one"), steep(20, 200)),
       two = steep_campaign(toy::options(folder / "two"), other);
  one.run();
  two.run();
  const State a = one.learner().save(), b = two.learner().save();
  CHECK(a.json == b.json);
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) CHECK(tensor.equal(b.tensors[name]));
  CHECK(one.labeled().ids() == two.labeled().ids());
  REQUIRE(one.records().size() == two.records().size());
  for (std::size_t i = 0; i < one.records().size(); ++i) {
    for (const Measurement& m : one.records()[i].measurements) {
      INFO(m.name);
      const double* same = find(two.records()[i].measurements, m.name);
      REQUIRE(same);
      CHECK((*same == m.value) == m.name.starts_with("prequential"));
    }
  }
}
