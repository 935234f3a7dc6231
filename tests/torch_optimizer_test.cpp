// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/training/torch_optimizer.hpp>

using namespace assay;

namespace {

torch::Tensor start_point() { return torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_(); }

void set_gradient(torch::Tensor& x, int step) {
  x.mutable_grad() = x.detach() * torch::tensor({1.0, 2.0, 0.5}, torch::kFloat64) + std::sin(step);
}

template <class O>
void steps(O& optimizer, torch::Tensor& x, int first, int last) {
  for (int i = first; i < last; ++i) {
    set_gradient(x, i);
    optimizer.step(0.1);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("an optimizer of torch::optim takes its own steps, and goes on from its saved state", "[training]",
                   torch::optim::RMSprop, torch::optim::Adagrad, torch::optim::SGD, torch::optim::Adam,
                   torch::optim::AdamW) {
  using Options = typename TorchOptimizerTypes<TestType>::Options;
  const Options options(0.1);

  torch::Tensor expected = start_point();
  TestType reference({expected}, options);
  for (int i = 0; i < 20; ++i) {
    set_gradient(expected, i);
    reference.step();
  }

  torch::Tensor whole = start_point();
  AnyOptimizer uninterrupted{TorchOptimizer<TestType>(options)};
  uninterrupted.init({whole});
  steps(uninterrupted, whole, 0, 20);
  CHECK(torch::equal(whole, expected));

  torch::Tensor x = start_point();
  AnyOptimizer first{TorchOptimizer<TestType>(options)};
  first.init({x});
  steps(first, x, 0, 12);
  const State state = first.save();
  torch::Tensor continued = x.detach().clone().requires_grad_();
  AnyOptimizer second{TorchOptimizer<TestType>(options)};
  second.init({continued});
  second.load(state);
  steps(second, continued, 12, 20);
  CHECK(torch::equal(continued, expected));

  AnyOptimizer copy = first;  // of the same parameters
  steps(copy, x, 12, 20);
  CHECK(torch::equal(x, expected));
}

TEST_CASE("a configuration names an optimizer of torch::optim with Torch's own options", "[training]") {
  Registries registries;
  add_torch_optimizer<torch::optim::Adam>(registries.optimizer, "Torch's Adam");
  const Json wanted{{"type", "torch_adam"}, {"lr", 0.2}, {"betas", {0.8, 0.9}}, {"amsgrad", true}};
  const Json spec = registries.optimizer.make(wanted, registries).spec();
  for (const auto& [name, value] : wanted.items()) CHECK(spec.at(name) == value);
  CHECK(spec.at("eps") == 1e-8);
  CHECK(registries.optimizer.make(spec, registries).spec() == spec);
  CHECK(registries.optimizer.make({{"type", "rmsprop"}, {"lr", 1}}, registries).lr() == 1);
  CHECK_THROWS_WITH(registries.optimizer.make({{"type", "rmsprop"}, {"alhpa", 0.9}}, registries), Contains("'alpha'"));
  CHECK_THROWS_WITH(registries.optimizer.make({{"type", "torch_adam"}, {"betas", 0.9}}, registries),
                    Contains("/betas") && Contains("2 numbers"));
  CHECK_THROWS_WITH(registries.optimizer.make({{"type", "rmsprop"}, {"centered", 1}}, registries),
                    Contains("true or false"));
}

TEST_CASE("state of other parameters is refused by an optimizer of torch::optim", "[training]") {
  torch::Tensor x = start_point();
  TorchOptimizer<torch::optim::RMSprop> optimizer(torch::optim::RMSpropOptions(0.1));
  optimizer.init({x});
  steps(optimizer, x, 0, 3);
  TorchOptimizer<torch::optim::RMSprop> other(torch::optim::RMSpropOptions(0.1));
  other.init({torch::zeros({2, 2}).requires_grad_()});
  CHECK_THROWS_AS(other.load(optimizer.save()), CheckpointError);
}

TEST_CASE("an ensemble trains with an optimizer of torch::optim", "[training]") {
  Ensemble learner = toy::ensemble();
  const TensorPool labeled(toy::labeled(40)), validation(toy::labeled(10, 400));
  TrainingContext context{.labeled = labeled, .validation = validation, .round = 1, .random = RandomKey(11)};
  std::vector<double> losses;
  context.epoch_finished = [&](const EpochReport& epoch) { losses.push_back(epoch.training_loss); };
  DefaultTrainingLoop loop({.epochs = 40,
                            .batch_size = 8,
                            .optimizer = TorchOptimizer<torch::optim::RMSprop>(torch::optim::RMSpropOptions(1e-2)),
                            .early_stopping = std::nullopt});
  loop.train(LearnerRef(learner), context);
  CHECK(losses.back() < 0.3 * losses.front());
}
