// SPDX-License-Identifier: Apache-2.0
// Gradients without autograd, against autograd.
#include "support/device.hpp"
#include "support/catch.hpp"
#include "support/one_thread.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/training/sgd.hpp>

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

using namespace assay;

namespace {

/// A batch with two targets of different sizes and a class of three, or of two.
Values samples_with_classes(std::int64_t count) {
  Values batch = toy::labeled(count);
  batch.set("z", at::stack({batch["a"] * 2, batch["b"].exp()}, 1));
  batch.set("three", (batch["a"] > 0).to(torch::kInt64) + (batch["b"] > 1).to(torch::kInt64));
  batch.set("two", (batch["a"] > 0.2).to(torch::kInt64));
  return batch;
}

std::vector<SampleId> ids(std::int64_t count) {
  std::vector<SampleId> ids(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<SampleId>(7 * i);
  return ids;
}

/// Loss and gradients of one batch both ways; compares within rounding of float64.
template <class Learner>
void check_batch(Learner& learner, const Batch& batch, double tolerance = 1e-12) {
  for (const torch::Tensor& parameter : learner.parameters()) parameter.mutable_grad().reset();
  const torch::Tensor expected = learner.training_step(batch);
  expected.backward();
  std::vector<torch::Tensor> autograd;
  for (const torch::Tensor& parameter : learner.parameters()) {
    autograd.push_back(parameter.grad());
    parameter.mutable_grad().reset();
  }
  const torch::Tensor loss = learner.loss_and_gradients(batch);
  CHECK_FALSE(loss.requires_grad());
  CHECK(loss.template item<double>() == Approx(expected.template item<double>()).epsilon(tolerance));
  for (std::size_t i = 0; i < autograd.size(); ++i) {
    const torch::Tensor& own = learner.parameters()[i].grad();
    REQUIRE(own.defined());
    const double size = autograd[i].abs().max().template item<double>();
    INFO("parameter " << i << " of largest gradient " << size);
    REQUIRE(size > 0);
    CHECK((own - autograd[i]).abs().max().template item<double>() <= tolerance * size);
  }
}

/// Whole batches, the smaller one at an epoch's end, and whole ones again.
template <class Learner>
void check(Learner learner, torch::Dtype dtype = torch::kFloat64, double tolerance = 1e-12,
           torch::Device device = torch::kCPU) {
  learner.to(device, dtype);
  learner.fit_scaling(samples_with_classes(37), false);
  learner.reset(5);
  const Batch packed = learner.pack(samples_with_classes(37), ids(37));
  for (const auto& [first, count] : {std::pair{0, 16}, {32, 5}, {3, 16}, {4, 1}}) {
    check_batch(learner, packed.slice(first, count), tolerance);
  }
}

struct Task {
  std::vector<std::string> targets;
  std::int64_t classes;
  RegressionLoss loss;
};

const std::vector<Task>& tasks() {
  static const std::vector<Task> tasks{{{"y", "z"}, 0, RegressionLoss::mse},
                                       {{"y", "z"}, 0, RegressionLoss::huber},
                                       {{"y", "z"}, 0, RegressionLoss::gaussian},
                                       {{"two"}, 2, RegressionLoss::mse},
                                       {{"three"}, 3, RegressionLoss::mse}};
  return tasks;
}

Mlp mlp_for(const Task& task, std::vector<std::int64_t> hidden, std::string activation) {
  return Mlp({.inputs = {"a", "b"},
              .targets = task.targets,
              .hidden = std::move(hidden),
              .activation = std::move(activation),
              .classes = task.classes,
              .loss = task.loss});
}

Ensemble ensemble_for(const Task& task, std::vector<std::int64_t> hidden, std::string activation, bool bootstrap) {
  return Ensemble({.members = 3,
                   .inputs = {"a", "b"},
                   .targets = task.targets,
                   .hidden = std::move(hidden),
                   .activation = std::move(activation),
                   .classes = task.classes,
                   .loss = task.loss,
                   .bootstrap = bootstrap});
}

/// A learner that hides its gradients from a training loop.
struct WithAutograd : private Mlp {
  explicit WithAutograd(Mlp mlp) : Mlp(std::move(mlp)) {}
  using Mlp::fit_scaling;
  using Mlp::inputs;
  using Mlp::load;
  using Mlp::pack;
  using Mlp::parameters;
  using Mlp::predict;
  using Mlp::reset;
  using Mlp::save;
  using Mlp::set_training;
  using Mlp::targets;
  using Mlp::to;
  using Mlp::training_step;
};

}  // namespace

TEST_CASE("own gradients are those of autograd, for every activation, loss and depth", "[learner]") {
  const OneThread one_thread;
  for (const char* activation : {"silu", "relu", "gelu", "tanh"}) {
    for (const Task& task : tasks()) {
      for (const std::vector<std::int64_t>& hidden : {std::vector<std::int64_t>{}, {9}, {16, 33, 8}}) {
        INFO(activation << ", loss " << static_cast<int>(task.loss) << ", classes " << task.classes << ", "
                        << hidden.size() << " hidden layers");
        check(mlp_for(task, hidden, activation));
        check(ensemble_for(task, hidden, activation, false));
        check(ensemble_for(task, hidden, activation, true));
      }
    }
  }
}

TEST_CASE("own gradients of products that go to the tensor library are those of autograd", "[learner]") {
  const OneThread one_thread;
  // Sums over more than 4,096: of inputs of a layer, of its outputs, and of samples.
  const Task& task = tasks()[2];
  for (const std::vector<std::int64_t>& hidden : {std::vector<std::int64_t>{4100}, {6, 4100}}) {
    check(mlp_for(task, hidden, "silu"));
    check(ensemble_for(task, hidden, "tanh", true));
  }
  for (const bool single : {true, false}) {
    const auto many = [&](auto learner) {
      learner.to(torch::kCPU, torch::kFloat64);
      learner.fit_scaling(samples_with_classes(4100), false);
      learner.reset(5);
      check_batch(learner, learner.pack(samples_with_classes(4100), ids(4100)));
    };
    single ? many(mlp_for(task, {5}, "silu")) : many(ensemble_for(task, {5}, "gelu", true));
  }
}

TEST_CASE("own gradients in float32 are those of autograd but for its rounding", "[learner]") {
  const OneThread one_thread;
  for (const char* activation : {"silu", "relu", "gelu", "tanh"}) {
    for (const Task& task : tasks()) {
      INFO(activation << ", loss " << static_cast<int>(task.loss) << ", classes " << task.classes);
      check(mlp_for(task, {64, 40}, activation), torch::kFloat32, 2e-5);
      check(ensemble_for(task, {40}, activation, true), torch::kFloat32, 2e-5);
    }
  }
}

TEST_CASE("own gradients on a CUDA device are those of autograd", "[learner][cuda]") {
  if (no_cuda_device()) return;
  for (const char* activation : {"silu", "relu", "gelu", "tanh"}) {
    for (const Task& task : tasks()) {
      INFO(activation << ", loss " << static_cast<int>(task.loss) << ", classes " << task.classes);
      check(mlp_for(task, {16, 33}, activation), torch::kFloat64, 1e-12, torch::kCUDA);
      check(ensemble_for(task, {16, 33}, activation, true), torch::kFloat64, 1e-12, torch::kCUDA);
    }
  }
}

TEST_CASE("a loop trains to the same parameters with own gradients and with autograd", "[learner]") {
  static_assert(ComputesGradients<Mlp> && ComputesGradients<Ensemble> && !ComputesGradients<WithAutograd>);
  const TensorPool labeled(samples_with_classes(37)), none;
  const auto train = [&](auto learner) {
    DefaultTrainingLoop loop(
        {.epochs = 5, .batch_size = 8, .gradient_clip = 0.5, .early_stopping = std::nullopt, .dtype = "float64"});
    TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = RandomKey(3)};
    loop.train(LearnerRef(learner), context);
    for (const torch::Tensor& parameter : learner.parameters()) CHECK_FALSE(parameter.grad().defined());
    return learner.parameters();
  };
  const Mlp learner = mlp_for(tasks()[0], {8, 8}, "silu");
  const std::vector<torch::Tensor> own = train(learner), autograd = train(WithAutograd(learner)),
                                   erased = train(AnyLearner(learner));
  for (std::size_t i = 0; i < own.size(); ++i) {
    CHECK(torch::allclose(own[i], autograd[i], 1e-9, 1e-11));
    CHECK(torch::equal(own[i], erased[i]));
  }
  AnyLearner hidden{WithAutograd(learner)};
  CHECK_FALSE(hidden.has_own_gradients());
  CHECK_THROWS_WITH(hidden.loss_and_gradients({}), Contains("assay.training.gradients"));
}

TEST_CASE("a copy of a learner leaves the gradients of the first alone", "[learner]") {
  Mlp one = mlp_for(tasks()[0], {8}, "silu");
  one.fit_scaling(samples_with_classes(16), false);
  one.reset(1);
  one.loss_and_gradients(one.pack(samples_with_classes(16), ids(16)));
  Mlp two = one;
  const torch::Tensor before = one.parameters()[0].grad().clone();
  two.reset(2);
  two.loss_and_gradients(two.pack(samples_with_classes(16), ids(16)));
  CHECK(torch::equal(one.parameters()[0].grad(), before));
  CHECK_FALSE(torch::equal(two.parameters()[0].grad(), before));
}

TEST_CASE("a Gaussian likelihood takes the value worked out by hand", "[learner]") {
  // No hidden layer and weights of zero: outputs are the biases, μ = 0.5 and s = log 4, for targets -1 and 1.
  Mlp learner({.inputs = {"a"}, .targets = {"y"}, .hidden = {}, .loss = RegressionLoss::gaussian});
  const Values batch{{"a", torch::tensor({-1.0, 1.0}, torch::kFloat64)},
                     {"y", torch::tensor({3.0, 7.0}, torch::kFloat64)}};
  learner.to(torch::kCPU, torch::kFloat64);
  learner.fit_scaling(batch, false);  // mean 5, deviation 2
  {
    const torch::NoGradGuard no_grad;
    learner.parameters()[0].detach().zero_();
    learner.parameters()[1].detach().copy_(torch::tensor({0.5, std::log(4.0)}, torch::kFloat64));
  }
  // ((log 4 + 2.25/4) + (log 4 + 0.25/4)) / 4
  const Batch packed = learner.pack(batch, ids(2));
  CHECK(learner.loss_and_gradients(packed).item<double>() == Approx(std::log(4.0) / 2 + 0.15625));
  CHECK(learner.predict(batch)["y"][0].item<double>() == Approx(6));
  CHECK(learner.variance(batch)["y"][0].item<double>() == Approx(16));
  CHECK(learner.capabilities().has(Capability::variance));
  CHECK_FALSE(toy::mlp().capabilities().has(Capability::variance));
  CHECK_THROWS_WITH(toy::mlp().variance(batch), Contains("assay.learner.capability"));
}

TEST_CASE("a Gaussian likelihood finds noise where it is, and keeps its variance through a new scaling", "[learner]") {
  // y is 0 but for noise of deviation 0.1 where a < 0 and of 1 where a > 0.
  Values batch = sobol(toy::space(), 400);
  const torch::Tensor noise = at::empty({400}, torch::kFloat64).normal_(0, 1, at::detail::createCPUGenerator(4));
  batch.set("y", noise * at::where(batch["a"] > 0, 1.0, 0.1));
  Mlp learner(
      {.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {16}, .activation = "tanh", .loss = RegressionLoss::gaussian});
  const TensorPool labeled(batch), none;
  DefaultTrainingLoop loop({.epochs = 60,
                            .batch_size = 40,
                            .optimizer = AdamW({.lr = 2e-2}),
                            .early_stopping = std::nullopt,
                            .dtype = "float64"});
  TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = RandomKey(3)};
  loop.train(LearnerRef(learner), context);
  const Values inputs{{"a", torch::tensor({-0.6, 0.6}, torch::kFloat64)},
                      {"b", torch::tensor({1.0, 1.0}, torch::kFloat64)}};
  const torch::Tensor deviation = learner.variance(inputs)["y"].sqrt();
  CHECK(deviation[0].item<double>() == Approx(0.1).margin(0.06));
  CHECK(deviation[1].item<double>() == Approx(1).margin(0.3));

  Values other = batch;
  other.set("y", other["y"] * 5 - 3);
  learner.fit_scaling(other, true);
  CHECK(torch::allclose(learner.variance(inputs)["y"].sqrt(), deviation, 1e-9));
}

TEST_CASE("an ensemble's variance under a Gaussian likelihood is its spread plus its members' mean variance",
          "[learner]") {
  Ensemble learner({.members = 2, .inputs = {"a"}, .targets = {"y"}, .hidden = {}, .loss = RegressionLoss::gaussian});
  const Values batch{{"a", torch::tensor({-1.0, 1.0}, torch::kFloat64)},
                     {"y", torch::tensor({3.0, 7.0}, torch::kFloat64)}};
  learner.to(torch::kCPU, torch::kFloat64);
  learner.fit_scaling(batch, false);
  {
    const torch::NoGradGuard no_grad;
    learner.parameters()[0].detach().zero_();
    learner.parameters()[1].detach().copy_(
        torch::tensor({0.5, 0.0, 1.5, std::log(3.0)}, torch::kFloat64).view({2, 1, 2}));
  }
  // Members' means 0.5 and 1.5, variances 1 and 3, in units of the deviation, 2: (0.5 + 2) · 4.
  CHECK(learner.variance(batch)["y"][0].item<double>() == Approx(10));
  CHECK(learner.predict(batch)["y"][0].item<double>() == Approx(7));
  CHECK(learner.posterior_draws(batch, 5, 1).sizes() == torch::IntArrayRef{5, 2, 1});
}

TEST_CASE("classes are learnt with cross-entropy alone", "[learner]") {
  CHECK_THROWS_WITH(Mlp({.inputs = {"a"}, .targets = {"two"}, .classes = 2, .loss = RegressionLoss::huber}),
                    Contains("/loss"));
}

TEST_CASE(
    "products that are shared out among threads, and sums longer than the kernels' own, have autograd's gradients",
    "[learner]") {
  struct Threads {
    int host = at::get_num_threads();
    explicit Threads(int count) { at::set_num_threads(count); }
    ~Threads() { at::set_num_threads(host); }
  };
  const auto with_threads = [](auto learner, std::int64_t count, int threads) {
    const Threads scope(threads);
    learner.to(torch::kCPU, torch::kFloat64);
    learner.fit_scaling(samples_with_classes(count), false);
    learner.reset(5);
    const Batch packed = learner.pack(samples_with_classes(count), ids(count));
    check_batch(learner, packed, 1e-10);
    std::vector<torch::Tensor> gradients;
    for (const torch::Tensor& parameter : learner.parameters()) gradients.push_back(parameter.grad().clone());
    return gradients;
  };
  for (const std::int64_t count : {3000, 5000}) {
    const auto make = [] { return mlp_for(tasks()[0], {64, 64}, "silu"); };
    const std::vector<torch::Tensor> one = with_threads(make(), count, 1), three = with_threads(make(), count, 3);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(torch::equal(one[i], three[i]));
  }
  with_threads(Ensemble({.members = 2, .inputs = {"a", "b"}, .targets = tasks()[0].targets, .hidden = {64, 64}}), 3000,
               3);
}
