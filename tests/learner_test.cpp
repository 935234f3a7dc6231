// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"
#include "support/tensors.hpp"

#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/training/sgd.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <fstream>

using namespace assay;

namespace {

struct NetImpl : torch::nn::Module {
  torch::nn::Linear a{nullptr}, b{nullptr};
  NetImpl() : a(register_module("a", torch::nn::Linear(2, 64))), b(register_module("b", torch::nn::Linear(64, 1))) {}
  torch::Tensor forward(torch::Tensor x) { return b(torch::silu(a(x))); }
};
TORCH_MODULE(Net);

/// Layers that act otherwise in training than in evaluation, and a buffer of whole numbers.
struct NoisyImpl : torch::nn::Module {
  torch::nn::Linear a{nullptr}, b{nullptr};
  torch::nn::BatchNorm1d norm{nullptr};
  torch::nn::Dropout drop{nullptr};
  explicit NoisyImpl(std::int64_t outputs = 1)
      : a(register_module("a", torch::nn::Linear(2, 16))),
        b(register_module("b", torch::nn::Linear(16, outputs))),
        norm(register_module("norm", torch::nn::BatchNorm1d(16))),
        drop(register_module("drop", torch::nn::Dropout(0.5))) {}
  torch::Tensor forward(torch::Tensor x) { return b(drop(torch::silu(norm(a(x))))); }
};
TORCH_MODULE(Noisy);

/// Parameters of its own, and layers beyond the common ones.
struct MixedImpl : torch::nn::Module {
  torch::Tensor own, scale;
  torch::nn::ConvTranspose1d up{nullptr};
  torch::nn::LSTM lstm{nullptr};
  torch::nn::GRU gru{nullptr};
  MixedImpl()
      : own(register_parameter("own", torch::randn({4, 3}))),
        scale(register_parameter("scale", torch::full({3}, 2.0))),
        up(register_module("up", torch::nn::ConvTranspose1d(2, 3, 2))),
        lstm(register_module("lstm", torch::nn::LSTM(2, 3))),
        gru(register_module("gru", torch::nn::GRU(2, 3))) {}
  torch::Tensor forward(torch::Tensor x) { return x; }
};
TORCH_MODULE(Mixed);

ModuleLearnerOptions module_options(std::int64_t classes = 0) {
  return {.inputs = {"a", "b"}, .targets = {classes > 0 ? "c" : "y"}, .classes = classes};
}

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
    CHECK_THROWS_WITH(learner.pack(wrong, {}), Contains("assay.label.class") && Contains("a whole number in [0, "));
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
  std::ifstream file(folder / "surrogate" / "learner.json");
  CHECK_FALSE(Json::parse(file).at("state").contains("device"));  // it is another program's to choose
}

TEST_CASE("an exported module is loaded in evaluation mode", "[learner]") {
  const toy::Folder folder;
  Registries registries;
  registries.modules.add("noisy", [] {
    Noisy net;
    return AnyModule{net.ptr(), [net](const torch::Tensor& x) mutable { return net->forward(x); }, mse_loss};
  });
  ModuleLearnerOptions options = module_options();
  options.module = "noisy";
  ModuleLearner learner(Noisy(), options, mse_loss);
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(4);
  export_learner(learner, folder / "surrogate");
  const AnyLearner loaded = load_learner(folder / "surrogate", registries);
  const torch::Tensor expected = learner.predict(toy::labeled(9))["y"];
  CHECK(torch::equal(loaded.predict(toy::labeled(9))["y"], expected));
  CHECK(torch::equal(loaded.predict(toy::labeled(9))["y"], expected));
}

TEST_CASE("a module predicts in evaluation mode, new, loaded or between two steps of a training", "[learner]") {
  ModuleLearner learner(Noisy(), module_options(), mse_loss);
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(3);
  const Values inputs = toy::labeled(9);
  const torch::Tensor expected = learner.predict(inputs)["y"];
  CHECK(torch::equal(learner.predict(inputs)["y"], expected));

  Noisy net;
  net->train();
  ModuleLearner into(net, module_options(), mse_loss);
  into.load(learner.save());
  CHECK_FALSE(net->is_training());
  CHECK(torch::equal(into.predict(inputs)["y"], expected));
  into.set_training(true);
  into.load(learner.save());
  CHECK_FALSE(net->is_training());
  into.set_training(true);
  CHECK(torch::equal(into.predict(inputs)["y"], expected));
  CHECK(net->is_training());
}

TEST_CASE("a module's state keeps its dtype, and whole numbers in its buffers stay whole", "[learner]") {
  ModuleLearner learner(Noisy(), module_options(), mse_loss);
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(3);
  learner.to(torch::kCPU, torch::kFloat64);
  {
    const torch::NoGradGuard no_grad;
    for (const torch::Tensor& parameter : learner.parameters()) parameter.detach().add_(1e-12);
  }
  ModuleLearner into(Noisy(), module_options(), mse_loss);
  into.load(learner.save());
  CHECK(same(into.parameters(), learner.parameters()));
  for (const torch::Tensor& parameter : into.parameters()) CHECK(parameter.scalar_type() == torch::kFloat64);
  CHECK(torch::equal(into.predict(toy::labeled(9))["y"], learner.predict(toy::labeled(9))["y"]));
  CHECK(into.buffers().back().scalar_type() == torch::kInt64);

  Noisy doubles;
  doubles->to(torch::kFloat64);
  ModuleLearner given(doubles, module_options(), mse_loss);
  given.fit_scaling(toy::labeled(16), false);
  CHECK(given.predict(toy::labeled(9))["y"].sizes() == torch::IntArrayRef{9});
}

TEST_CASE("a module's reset is a function of the seed, whatever the module is made of", "[learner]") {
  torch::manual_seed(1);
  ModuleLearner one(Mixed(), module_options(), mse_loss);
  torch::manual_seed(2);
  ModuleLearner two(Mixed(), module_options(), mse_loss);
  CHECK_FALSE(same(one.parameters(), two.parameters()));
  const torch::Tensor host = at::detail::getDefaultCPUGenerator().get_state();
  one.reset(7);
  two.reset(7);
  CHECK(torch::equal(at::detail::getDefaultCPUGenerator().get_state(), host));
  CHECK(same(one.parameters(), two.parameters()));
  CHECK(torch::equal(one.save().tensors["parameter/scale"], torch::full({3}, 2.0)));
  CHECK(one.save().tensors["parameter/own"].abs().max().item<double>() <= 1 / std::sqrt(3.0));
  two.reset(8);
  const Values a = one.save().tensors, b = two.save().tensors;
  for (const char* name :
       {"parameter/own", "parameter/up.weight", "parameter/lstm.weight_ih_l0", "parameter/gru.weight_hh_l0"}) {
    INFO(name);
    CHECK_FALSE(torch::equal(a[name], b[name]));
  }
}

TEST_CASE("a function that makes the module draws its parameters, from the seed alone", "[learner]") {
  int made = 0;
  ModuleLearner learner(
      [&made] {
        ++made;
        return Mixed();
      },
      module_options(), mse_loss);
  learner.reset(7);
  CHECK(made == 2);
  torch::Tensor own;
  {
    at::Generator generator = at::detail::createCPUGenerator(7);
    own = torch::randn({4, 3}, generator);
  }
  CHECK(torch::equal(learner.save().tensors["parameter/own"], own));

  Registries registries;
  registries.modules.add("mixed", [] {
    Mixed net;
    return AnyModule{net.ptr(), [net](const torch::Tensor& x) mutable { return net->forward(x); }, mse_loss};
  });
  AnyLearner named = registries.learner.make(
      {{"type", "module"}, {"inputs", {"a", "b"}}, {"targets", {"y"}}, {"module", "mixed"}}, registries);
  named.reset(7);
  CHECK(same(named.parameters(), learner.parameters()));
}

TEST_CASE("a module classifies: logits become classes and probabilities", "[learner]") {
  Values batch = toy::labeled(40);
  for (const auto& [classes, outputs] : {std::pair{2, 1}, {2, 2}, {3, 3}}) {
    batch.set("c", torch::arange(40) % classes);
    ModuleLearner learner(Noisy(outputs), module_options(classes), cross_entropy_loss);
    CHECK(learner.capabilities() == Capability::class_probabilities);
    learner.fit_scaling(batch, false);
    learner.reset(1);
    const torch::Tensor p = learner.class_probabilities(batch);
    CHECK(p.sizes() == torch::IntArrayRef{40, classes});
    CHECK(torch::allclose(p.sum(1), torch::ones({40}, torch::kFloat64)));
    CHECK(torch::equal(learner.predict(batch)["c"].to(torch::kInt64), p.argmax(1)));
    CHECK(std::isfinite(learner.training_step(learner.pack(batch, {})).item<double>()));
  }
  ModuleLearner wrong(Noisy(4), module_options(3), cross_entropy_loss);
  wrong.fit_scaling(batch, false);
  CHECK_THROWS_WITH(wrong.predict(batch), Contains("assay.learner.output") && Contains("[n, 3]"));
  ModuleLearner regression(Noisy(3), {.inputs = {"a"}, .targets = {"c"}}, cross_entropy_loss);
  CHECK_THROWS_WITH(regression.fit_scaling(batch, false), Contains("assay.learner.classes"));
  CHECK(regression.capabilities().empty());
  CHECK_THROWS_AS(ModuleLearner(Noisy(3), module_options(1), mse_loss), ConfigError);
}

TEST_CASE("a campaign trains a module with cross-entropy, asks its probabilities and resumes", "[learner]") {
  const auto quadrant = [](const Values& x) {
    return Values{{"c", torch::tensor((x.scalar("a") > 0 ? 1 : 0) + (x.scalar("b") > 1 ? 1 : 0))}};
  };
  const auto class_of = [&](Values batch) {
    return batch.without({"y"}).set("c", (batch["a"] > 0).to(torch::kInt64) + (batch["b"] > 1).to(torch::kInt64));
  };
  const toy::Folder folder;
  const auto driver = [&](const std::string& name, std::int64_t rounds, Resume resume) {
    return Driver({.dir = folder / name, .max_rounds = rounds, .seed = 5, .resume = resume},
                  {.labeled = class_of(toy::labeled(16)),
                   .unlabeled = sobol(toy::space(), 60, {.skip = 16}),
                   .test = class_of(toy::labeled(30, 200))},
                  ModuleLearner(Noisy(3), module_options(3), cross_entropy_loss), Entropy({.max_samples = 4}),
                  FunctionLabel({.provides = {"c"}, .function = "quadrant"}, quadrant), Metrics(Accuracy()),
                  DefaultTrainingLoop({.epochs = 30,
                                       .fine_tuning_epochs = 5,
                                       .batch_size = 8,
                                       .optimizer = AdamW({.lr = 1e-2}),
                                       .early_stopping = std::nullopt,
                                       .dtype = "float64"}));
  };
  auto whole = driver("whole", 3, Resume::never);
  CHECK(whole.run() == RunStatus::finished);
  CHECK(whole.labeled().size() == 28);
  CHECK(*find(whole.records().back().measurements, "accuracy") > 0.5);
  driver("parts", 1, Resume::never).run();
  auto resumed = driver("parts", 3, Resume::required);
  resumed.run();
  CHECK(same(resumed.learner().parameters(), whole.learner().parameters()));
}

TEST_CASE("a learner goes back to the device and dtype of its state, or to the CPU where there is no such device",
          "[learner]") {
  const auto check = [](auto from, auto into) {
    from.fit_scaling(toy::labeled(16), false);
    from.reset(1);
    from.to(torch::kCPU, torch::kFloat64);
    State state = from.save();
    CHECK(state.json.at("device") == "cpu");
    state.json["device"] = "cuda:63";
    into.load(state);
    for (const torch::Tensor& parameter : into.parameters()) {
      CHECK(parameter.is_cpu());
      CHECK(parameter.scalar_type() == torch::kFloat64);
    }
    if (at::hasCUDA()) {
      state.json["device"] = "cuda:0";
      into.load(state);
      for (const torch::Tensor& parameter : into.parameters()) CHECK(parameter.is_cuda());
    }
    state.json.erase("device");  // a state of an earlier version
    into.load(state);
    CHECK(into.parameters().front().is_cpu());
  };
  check(toy::ensemble(), toy::ensemble());
  check(toy::mlp(), toy::mlp());
  check(ModuleLearner(Noisy(), module_options(), mse_loss), ModuleLearner(Noisy(), module_options(), mse_loss));
}
