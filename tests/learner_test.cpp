// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/training/sgd.hpp>

#include <torch/nn/functional/activation.h>
#include <torch/nn/modules/linear.h>

using namespace assay;

namespace {

struct NetImpl : torch::nn::Module {
  torch::nn::Linear a{nullptr}, b{nullptr};
  NetImpl() : a(register_module("a", torch::nn::Linear(2, 64))), b(register_module("b", torch::nn::Linear(64, 1))) {}
  torch::Tensor forward(torch::Tensor x) { return b(torch::silu(a(x))); }
};
TORCH_MODULE(Net);

template <class Learner>
double trained_rmse(Learner& learner, std::int64_t epochs) {
  const TensorPool pool(toy::labeled(64)), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(3)};
  DefaultTrainingLoop loop(
      {.epochs = epochs, .batch_size = 16, .optimizer = AdamW({.lr = 1e-2}), .early_stopping = std::nullopt});
  loop.train(LearnerRef(learner), context);
  const Values test = toy::labeled(50, 300);
  return (learner.predict(test)["y"] - test["y"]).square().mean().sqrt().template item<double>();
}

}  // namespace

TEST_CASE("every learner learns a smooth function in physical units", "[learner]") {
  Mlp mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {32, 32}});
  Ensemble ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {32, 32}});
  ModuleLearner module(Net(), {.inputs = {"a", "b"}, .targets = {"y"}}, mse_loss);
  CHECK(trained_rmse(mlp, 150) < 0.1);
  CHECK(trained_rmse(ensemble, 150) < 0.15);
  CHECK(trained_rmse(module, 200) < 0.3);
}

TEST_CASE("weights depend on the seed alone and differ between members", "[learner]") {
  Ensemble one = toy::ensemble(), two = toy::ensemble();
  for (Ensemble* learner : {&one, &two}) {
    learner->fit_scaling(toy::labeled(16), false);
    learner->reset(9);
  }
  for (std::size_t i = 0; i < one.parameters().size(); ++i) {
    CHECK(torch::equal(one.parameters()[i], two.parameters()[i]));
    CHECK_FALSE(torch::equal(one.parameters()[i][0], one.parameters()[i][1]));
  }
  const std::vector<SampleId> ids{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const torch::Tensor weights = one.pack(toy::labeled(16), ids).weights;
  CHECK(weights.sizes() == torch::IntArrayRef{16, 3});
  CHECK_FALSE(torch::equal(weights.select(1, 0), weights.select(1, 1)));
}

TEST_CASE("a bootstrap weight averages to one over many samples", "[learner]") {
  Ensemble learner = toy::ensemble();
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(1);
  std::vector<SampleId> ids(4000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<SampleId>(i);
  const torch::Tensor weights = learner.pack(toy::labeled(4000), ids).weights.to(torch::kFloat64);
  CHECK(weights.mean().item<double>() == Approx(1).margin(0.03));
  CHECK(weights.var().item<double>() == Approx(1).margin(0.08));
}

TEST_CASE("a new standardisation leaves the function as it was", "[learner]") {
  Mlp learner = toy::mlp();
  learner.to(torch::kCPU, torch::kFloat64);
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(2);
  const Values inputs = toy::labeled(30, 50);
  const torch::Tensor before = learner.predict(inputs)["y"];
  Values other = toy::labeled(40, 7);
  other.set("y", other["y"] * 5 - 3);
  learner.fit_scaling(other, true);
  CHECK(torch::allclose(learner.predict(inputs)["y"], before, 1e-9, 1e-9));
}

TEST_CASE("a learner's state goes into another one", "[learner]") {
  Ensemble from = toy::ensemble(), into = toy::ensemble();
  from.fit_scaling(toy::labeled(16), false);
  from.reset(4);
  into.load(from.save());
  CHECK(torch::equal(from.predict(toy::labeled(9))["y"], into.predict(toy::labeled(9))["y"]));
  Ensemble smaller({.members = 2, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {8, 8}});
  CHECK_THROWS_AS(smaller.load(from.save()), CheckpointError);
  CHECK_THROWS_WITH(toy::mlp().predict(toy::labeled(3)), Contains("assay.learner.untrained"));
}

TEST_CASE("an ensemble's variance is that of its members, in squared units", "[learner]") {
  Ensemble learner = toy::ensemble();
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(4);
  const Values inputs = toy::labeled(5);
  const double scale = toy::labeled(16)["y"].std(0, false).item<double>();
  std::vector<torch::Tensor> members;
  const torch::Tensor draws = learner.posterior_draws(inputs, 200, 1);
  CHECK(draws.sizes() == torch::IntArrayRef{200, 5, 1});
  CHECK(learner.variance(inputs)["y"].sizes() == torch::IntArrayRef{5});
  const torch::Tensor spread = std::get<0>(draws.max(0)) - std::get<0>(draws.min(0));
  CHECK((learner.variance(inputs)["y"].sqrt() <= spread.squeeze(1) * scale + 1e-9).all().item<bool>());
}

TEST_CASE("class probabilities sum to one and predictions are their largest", "[learner]") {
  Values batch = toy::labeled(40);
  for (const std::int64_t classes : {2, 3}) {
    batch.set("c", (torch::arange(40) % classes));
    Mlp learner({.inputs = {"a", "b"}, .targets = {"c"}, .classes = classes});
    learner.fit_scaling(batch, false);
    learner.reset(1);
    const torch::Tensor p = learner.class_probabilities(batch);
    CHECK(p.sizes() == torch::IntArrayRef{40, classes});
    CHECK(torch::allclose(p.sum(1), torch::ones({40}, torch::kFloat64)));
    CHECK(torch::equal(learner.predict(batch)["c"].to(torch::kInt64), p.argmax(1)));
    Values wrong = batch;
    wrong.set("c", torch::full({40}, 7));
    CHECK_THROWS_WITH(learner.pack(wrong, {}), Contains("class ids in [0, "));
  }
}

TEST_CASE("a trained learner is exported and loaded by key", "[learner]") {
  const toy::Folder folder;
  Ensemble learner = toy::ensemble();
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(4);
  learner.export_to(folder / "surrogate");
  const AnyLearner loaded = load_learner(folder / "surrogate", Registries());
  CHECK(torch::equal(loaded.predict(toy::labeled(9))["y"], learner.predict(toy::labeled(9))["y"]));
}
