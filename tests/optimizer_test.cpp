// SPDX-License-Identifier: Apache-2.0
// The built-in optimizers, schedules, and what early stopping counts.
#include "support/device.hpp"
#include "support/catch.hpp"

#include <assay/config.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/sgd.hpp>

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <tuple>

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

/// Two parameters after some steps, with their gradients one behind the other in one piece of memory, or apart.
torch::Tensor after_steps(AnyOptimizer optimizer, bool one_memory, torch::Device device) {
  const std::vector<std::int64_t> sizes{4099, 38001};
  const torch::Tensor start = torch::arange(sizes[0] + sizes[1], torch::TensorOptions(torch::kFloat32).device(device)) /
                              9999;
  const auto parts = [&](const torch::Tensor& memory) {
    std::vector<torch::Tensor> tensors = memory.split_with_sizes(sizes);
    for (torch::Tensor& tensor : tensors) tensor = (one_memory ? tensor : tensor.clone()).detach();
    return tensors;
  };
  std::vector<torch::Tensor> parameters = parts(start.clone()), gradients = parts(start.clone());
  for (torch::Tensor& parameter : parameters) parameter.requires_grad_();
  optimizer.init(parameters);
  for (int step = 1; step < 6; ++step) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      gradients[i].copy_(parameters[i].detach() * step + std::sin(step));
      parameters[i].mutable_grad() = gradients[i];
    }
    optimizer.step(optimizer.lr());
  }
  return torch::cat(parameters).detach();
}

void check_one_memory(torch::Device device) {
  for (const AnyOptimizer& optimizer :
       {AnyOptimizer(Sgd({.lr = 0.01})), AnyOptimizer(Sgd({.lr = 0.01, .momentum = 0.9})), AnyOptimizer(Adam()),
        AnyOptimizer(AdamW({.weight_decay = 0.1}))}) {
    INFO(optimizer.spec().dump());
    const torch::Tensor apart = after_steps(optimizer, false, device);
    CHECK(torch::allclose(after_steps(optimizer, true, device), apart, 1e-6, 1e-7));
    CHECK(torch::allclose(apart.cpu(), after_steps(optimizer, false, torch::kCPU), 1e-5, 1e-6));
  }
}

}  // namespace

TEST_CASE("parameters in one piece of memory are updated as those that lie apart", "[training]") {
  check_one_memory(torch::kCPU);
}

TEST_CASE("parameters in one piece of a CUDA device's memory are updated as those that lie apart", "[training][cuda]") {
  if (no_cuda_device()) return;
  check_one_memory(torch::kCUDA);
}

TEST_CASE("optimizers take the steps of torch::optim", "[training]") {
  namespace optim = torch::optim;
  CHECK(torch::allclose(
      path(Sgd({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}), 20),
      reference<optim::SGD>(optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.01).nesterov(true), 20)));
  CHECK(torch::allclose(path(Adam({.lr = 0.1}), 20), reference<optim::Adam>(optim::AdamOptions(0.1), 20)));
  CHECK(torch::allclose(path(AdamW({.lr = 0.1, .weight_decay = 0.05}), 20),
                        reference<optim::AdamW>(optim::AdamWOptions(0.1).weight_decay(0.05), 20)));
}

TEST_CASE("optimizers take the steps of torch::optim with other options than the usual ones", "[training]") {
  namespace optim = torch::optim;
  const auto betas = std::make_tuple(0.7, 0.9);
  const torch::Tensor usual = path(Adam({.lr = 0.1}), 20);
  const torch::Tensor adam = path(Adam({.lr = 0.1, .beta1 = 0.7, .beta2 = 0.9, .eps = 0.1, .weight_decay = 0.05}), 20);
  CHECK(torch::allclose(adam,
                        reference<optim::Adam>(optim::AdamOptions(0.1).betas(betas).eps(0.1).weight_decay(0.05), 20)));
  CHECK_FALSE(torch::allclose(adam, usual, 1e-3, 1e-3));
  const torch::Tensor adamw = path(AdamW({.lr = 0.1, .beta1 = 0.7, .beta2 = 0.9, .eps = 0.1, .weight_decay = 0.05}),
                                   20);
  CHECK(torch::allclose(
      adamw, reference<optim::AdamW>(optim::AdamWOptions(0.1).betas(betas).eps(0.1).weight_decay(0.05), 20)));
  CHECK_FALSE(torch::allclose(adamw, adam, 1e-3, 1e-3));
  const torch::Tensor heavy_ball = path(Sgd({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01}), 20);
  CHECK(
      torch::allclose(heavy_ball, reference<optim::SGD>(optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.01), 20)));
  CHECK(torch::allclose(path(Sgd({.lr = 0.1, .weight_decay = 0.01}), 20),
                        reference<optim::SGD>(optim::SGDOptions(0.1).weight_decay(0.01), 20)));
}

TEST_CASE("schedules have their stated values", "[training]") {
  const auto at = [](const auto& schedule, std::int64_t epoch, std::int64_t epochs) {
    return schedule.factor({.epoch = epoch, .epochs = epochs, .history = {}});
  };
  CHECK(at(ConstantSchedule(), 3, 10) == 1);
  CHECK(at(CosineSchedule(), 0, 10) == 1);
  CHECK(at(CosineSchedule(), 5, 10) == Approx(0.5));
  // 0.2 and half of the 0.8 above it.
  CHECK(at(CosineSchedule({.final_factor = 0.2}), 5, 10) == Approx(0.6));
  CHECK(at(CosineSchedule({.final_factor = 0.2}), 10, 10) == Approx(0.2));
  CHECK(at(WarmupSchedule({.epochs = 4}), 0, 10) == Approx(0.2));
  CHECK(at(WarmupSchedule({.epochs = 4}), 4, 10) == 1);
  CHECK(at(WarmupSchedule({.epochs = INT64_MAX}), 0, 10) == Approx(1 / 0x1p63));
}

TEST_CASE("the plateau schedule halves the rate after each wait, and not below its floor", "[training]") {
  const auto factor = [](const std::vector<double>& training, const std::vector<double>& validation = {}) {
    std::vector<EpochReport> history;
    for (std::size_t i = 0; i < training.size(); ++i) {
      history.push_back({.training_loss = training[i]});
      if (!validation.empty()) history.back().validation_loss = validation[i];
    }
    const PlateauSchedule schedule({.factor = 0.5, .patience = 2, .min_delta = 0.01, .min_factor = 0.2});
    return schedule.factor({.epoch = static_cast<std::int64_t>(history.size()), .epochs = 99, .history = history});
  };
  CHECK(factor({}) == 1);
  CHECK(factor({1, 1}) == 1);
  CHECK(factor({1, 1, 1}) == 0.5);
  CHECK(factor({1, 0.995, 0.995}) == 0.5);  // by less than a hundredth
  CHECK(factor({1, 0.98, 0.98}) == 1);
  CHECK(factor({1, 1, 1, 1}) == 0.5);  // the wait starts again
  CHECK(factor({1, 1, 1, 1, 1}) == 0.25);
  CHECK(factor({1, 1, 1, 1, 1, 1, 1}) == 0.2);
  CHECK(factor({1, 0.5, 0.2}, {1, 1, 1}) == 0.5);  // the validation loss counts
}

TEST_CASE("early stopping counts a decrease by more than min_delta", "[training]") {
  std::vector<EpochReport> history;
  const auto add = [&](double loss) { history.push_back({.validation_loss = loss}); };
  const assay::detail::EarlyStopper stopper{.patience = 2, .min_delta = 0.1};
  for (const double loss : {1.0, 0.95, 0.85}) add(loss);
  CHECK(stopper.best_epoch(history) == 3);
  CHECK(stopper.improved(history));
  add(0.80);
  CHECK_FALSE(stopper.improved(history));
  CHECK_FALSE(stopper.should_stop(history));
  add(0.76);
  CHECK(stopper.best_epoch(history) == 3);
  CHECK(stopper.should_stop(history));
}

TEST_CASE("a copied optimizer takes the step that the first would have taken", "[training]") {
  for (const AnyOptimizer& kind : {AnyOptimizer(Sgd({.lr = 0.1, .momentum = 0.9})), AnyOptimizer(Adam({.lr = 0.1})),
                                   AnyOptimizer(AdamW({.lr = 0.1}))}) {
    INFO(kind.spec().dump());
    torch::Tensor x = torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_();
    const auto step = [&](AnyOptimizer& optimizer, double slope) {
      x.mutable_grad() = torch::full({3}, slope, torch::kFloat64);
      optimizer.step(optimizer.lr());
      return x.detach().clone();
    };
    AnyOptimizer first = kind;
    first.init({x});
    for (const double slope : {1.0, -3.0, 0.5}) step(first, slope);
    const torch::Tensor before = x.detach().clone();
    AnyOptimizer second = first;
    const torch::Tensor expected = step(first, 2);
    x.detach().copy_(before);
    CHECK(torch::equal(step(second, 2), expected));
    CHECK_FALSE(torch::equal(expected, before));
  }
}

TEST_CASE("Adam's first steps are those worked out by hand", "[training]") {
  // Slopes 1 and 1: both corrected moments are 1, so that each step is the rate (Kingma and Ba 2015, algorithm 1).
  torch::Tensor x = torch::zeros({1}, torch::kFloat64).requires_grad_();
  AnyOptimizer optimizer = Adam({.lr = 0.25});
  optimizer.init({x});
  for (int i = 1; i <= 2; ++i) {
    x.mutable_grad() = torch::ones({1}, torch::kFloat64);
    optimizer.step(0.25);
    CHECK(x.item<double>() == Approx(-0.25 * i).epsilon(1e-6));
  }
}

TEST_CASE("what follows a warm-up sees the epochs behind it alone", "[training]") {
  const PlateauSchedule halves({.factor = 0.5, .patience = 2, .min_delta = 0, .min_factor = 0.01});
  const WarmupSchedule schedule({.epochs = 3, .then = halves});
  std::vector<EpochReport> history;
  const auto factor_after = [&](std::vector<double> losses) {
    history.clear();
    for (const double loss : losses) history.push_back({.training_loss = loss});
    return schedule.factor({.epoch = static_cast<std::int64_t>(history.size()), .epochs = 20, .history = history});
  };
  CHECK(factor_after({1}) == 0.5);
  CHECK(factor_after({1, 5, 5}) == 1);             // losses that rise while it warms up are no plateau
  CHECK(factor_after({1, 5, 5, 5, 5}) == 1);       // one wait
  CHECK(factor_after({1, 5, 5, 5, 5, 5}) == 0.5);  // two
  history.clear();
  CHECK(schedule.factor({.epoch = 7, .epochs = 20, .history = history}) == 1);  // a history that was not kept

  const auto cosine = [](std::int64_t epoch, std::int64_t epochs) {
    return WarmupSchedule({.epochs = 4, .then = CosineSchedule()}).factor({.epoch = epoch, .epochs = epochs});
  };
  CHECK(cosine(7, 10) == Approx(0.5));  // half of the six that are left
  CHECK(cosine(3, 10) == Approx(0.8));
  CHECK(cosine(4, 4) == 1);
}
