// SPDX-License-Identifier: Apache-2.0
// Gradient features against autograd, sketches against what they stand for, and the strategies that use them.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/generator_scope.hpp>
#include <assay/error.hpp>
#include <assay/learner/mc_dropout.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/select/prob_cover.hpp>
#include <assay/training/linear_schedule.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <torch/autograd.h>

#include <cmath>

using namespace assay;

namespace {

/// Two outputs, so that combinations of outputs matter.
Values two_outputs(std::int64_t count, std::int64_t skip = 0) {
  Values batch = toy::labeled(count, skip);
  batch.set("z", batch["a"] * batch["b"]);
  return batch;
}

template <class Learner>
Learner prepared(Learner learner, const Values& samples) {
  learner.to(torch::kCPU, torch::kFloat64);
  learner.fit_scaling(samples, false);
  learner.reset(3);
  return learner;
}

Mlp prepared_mlp(const std::string& activation) {
  return prepared(Mlp({.inputs = {"a", "b"}, .targets = {"y", "z"}, .hidden = {7, 5}, .activation = activation}),
                  two_outputs(16));
}

/// The gradient of every standardised output with respect to all parameters, by autograd: [n, outputs, parameters].
/// The mean squared error at a target one below, less that at the target, is linear in the output: f_k + 1/2.
torch::Tensor jacobian(Mlp& learner, const Values& samples) {
  const std::vector<SampleId> ids(static_cast<std::size_t>(batch_size(samples)));
  const torch::Tensor x = learner.pack(samples, ids).inputs.front();
  const std::vector<torch::Tensor> parameters = learner.parameters();
  std::vector<torch::Tensor> rows;
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    for (std::int64_t k = 0; k < 2; ++k) {
      Batch batch;
      batch.inputs = {x.narrow(0, i, 1)};
      batch.targets = {torch::zeros({1, 2}, torch::kFloat64)};
      Batch moved = batch;
      moved.targets = {torch::zeros({1, 2}, torch::kFloat64)};
      moved.targets.front()[0][k] = -1;
      const torch::Tensor output = learner.training_step(moved) - learner.training_step(batch);
      std::vector<torch::Tensor> flat;
      for (const torch::Tensor& g : torch::autograd::grad({output}, parameters)) flat.push_back(g.flatten());
      rows.push_back(at::cat(flat));
    }
  }
  return at::stack(rows).reshape({x.size(0), 2, -1});
}

torch::Tensor kernel(const torch::Tensor& features) { return at::mm(features, features.t()); }

template <class Use>
void with_context(AnyLearner& learner, const Values& labeled, const Values& candidates, Use use) {
  const TensorPool known(labeled, 0), pool(candidates, 1000);
  const QueryInputs inputs{.unlabeled = PoolView(pool, pool.ids()),
                           .labeled = known.empty() ? PoolView() : PoolView(known, known.ids()),
                           .learner = LearnerView(LearnerRef(learner)),
                           .round = 1,
                           .random = RandomKey(5)};
  use(QueryContext(inputs));
}

double largest(const torch::Tensor& difference) { return difference.abs().max().item<double>(); }

}  // namespace

TEST_CASE("inner products of exact gradients are those of autograd, sample by sample", "[learner]") {
  const Values samples = two_outputs(6, 40);
  for (const std::string activation : {"silu", "relu", "tanh", "gelu"}) {
    INFO(activation);
    Mlp learner = prepared_mlp(activation);
    const torch::Tensor expected = kernel(jacobian(learner, samples).flatten(1));
    const GradientOptions exact{.sketch = 0, .by_width = false};
    const LayerGradients layers = learner.layer_gradients(samples, exact);
    CHECK(largest(gradient_inner_products(layers, layers) - expected) < 1e-10);
    CHECK(largest(kernel(learner.gradient_features(samples, exact)) - expected) < 1e-10);
  }
}

TEST_CASE("divided by width, the last layer's gradient is the embedding over its root, and a one, for each output",
          "[learner]") {
  const Values samples = two_outputs(5, 40);
  const Mlp learner = prepared_mlp("silu");
  const torch::Tensor hidden = learner.embeddings(samples);
  const torch::Tensor features = learner.gradient_features(samples, {.layers = GradientLayers::last, .sketch = 0});
  CHECK(features.sizes() == torch::IntArrayRef{5, 6});
  CHECK(largest(kernel(features) - 2 * (kernel(hidden) / 5 + 1)) < 1e-12);
}

TEST_CASE("an ensemble's gradients are its members' side by side", "[learner]") {
  const Values samples = two_outputs(4, 40);
  const Ensemble learner = prepared(
      Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {6}, .bootstrap = false}),
      two_outputs(16));
  const LayerGradients layers = learner.layer_gradients(samples, {});
  REQUIRE(layers.size() == 6);
  // The output of a member is its last layer's inner product: the embeddings stand in `input`, members one by one.
  const torch::Tensor hidden = learner.embeddings(samples);
  CHECK(largest(layers[3].input - hidden.narrow(1, 6, 6)) < 1e-12);
  const GradientOptions exact{.sketch = 0};
  CHECK(largest(kernel(learner.gradient_features(samples, exact)) - gradient_inner_products(layers, layers)) < 1e-10);
}

TEST_CASE("sketched inner products are the exact ones within the bound of the sketch", "[learner]") {
  const Values samples = two_outputs(12, 40);
  const Mlp learner = prepared_mlp("silu");
  const LayerGradients layers = learner.layer_gradients(samples, {});
  const torch::Tensor exact = gradient_inner_products(layers, layers);
  const torch::Tensor length = exact.diagonal().sqrt();
  constexpr int seeds = 40, sketch = 256;
  const torch::Tensor bound = 3 * length.unsqueeze(1) * length.unsqueeze(0) * std::sqrt(3.0 / sketch);
  torch::Tensor sum = at::zeros_like(exact), squares = at::zeros_like(exact);
  for (int seed = 0; seed < seeds; ++seed) {
    const torch::Tensor features = learner.gradient_features(
        samples, {.sketch = sketch, .seed = static_cast<std::uint64_t>(seed)});
    CHECK(features.sizes() == torch::IntArrayRef{12, sketch});
    const torch::Tensor error = kernel(features) - exact;
    sum += error;
    squares += error.square();
  }
  CHECK(((squares / seeds).sqrt() <= bound).all().item<bool>());
  CHECK((sum.abs() / seeds <= 4 * bound / std::sqrt(seeds)).all().item<bool>());
  CHECK(torch::equal(learner.gradient_features(samples, {.seed = 1}), learner.gradient_features(samples, {.seed = 1})));
}

TEST_CASE("random combinations of many outputs keep the sum over outputs in expectation", "[learner]") {
  Values samples = toy::labeled(10);
  samples.set("f", at::cat({samples["a"].reshape({10, 1}), samples["b"].reshape({10, 1}), samples["y"].reshape({10, 1}),
                            samples["a"].reshape({10, 1}) * 2},
                           1));
  const Mlp learner = prepared(Mlp({.inputs = {"a", "b"}, .targets = {"f"}, .hidden = {6}}), samples);
  const LayerGradients all = learner.layer_gradients(samples, {.outputs = 4});
  CHECK(all.front().output.size(1) == 4 * 6);
  const torch::Tensor exact = gradient_inner_products(all, all);
  torch::Tensor mean = at::zeros_like(exact);
  constexpr int seeds = 600;
  for (int seed = 0; seed < seeds; ++seed) {
    const LayerGradients some = learner.layer_gradients(samples,
                                                        {.outputs = 2, .seed = static_cast<std::uint64_t>(seed)});
    REQUIRE(some.front().output.size(1) == 2 * 6);
    mean += gradient_inner_products(some, some) / seeds;
  }
  const torch::Tensor length = exact.diagonal().sqrt();
  CHECK(((mean - exact).abs() <= 0.15 * length.unsqueeze(1) * length.unsqueeze(0)).all().item<bool>());
}

TEST_CASE("exact features of a large network are refused, and the advice is the sketch", "[learner]") {
  const Mlp learner = prepared(Mlp({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {300, 300}}), toy::labeled(8));
  CHECK_THROWS_WITH(learner.gradient_features(toy::labeled(2), {.sketch = 0}),
                    Contains("assay.features.size") && Contains("sketch"));
}

namespace {

struct RecordedNetImpl : torch::nn::Module {
  RecordedLinear a{nullptr}, b{nullptr};
  explicit RecordedNetImpl(RecordedLinearOptions options = {})
      : a(register_module("a", RecordedLinear(2, 5, options))),
        b(register_module("b", RecordedLinear(5, 2, options))) {}
  torch::Tensor forward(const torch::Tensor& x) { return b(torch::silu(a(x))); }
};
TORCH_MODULE(RecordedNet);

}  // namespace

TEST_CASE("a module of recorded layers has the gradients that autograd gives, in either parametrisation", "[learner]") {
  const Values samples = two_outputs(6, 40);
  for (const RecordedLinearOptions options : {RecordedLinearOptions{}, {.weight_gain = 0.5, .bias_gain = 0.3}}) {
    RecordedNet net(options);
    ModuleLearner learner(net, {.inputs = {"a", "b"}, .targets = {"y", "z"}}, mse_loss);
    learner.to(torch::kCPU, torch::kFloat64);
    learner.fit_scaling(two_outputs(16), false);
    learner.reset(4);
    const std::vector<SampleId> ids(6);
    const torch::Tensor x = learner.pack(samples, ids).inputs.front();
    std::vector<torch::Tensor> rows;
    for (std::int64_t i = 0; i < 6; ++i) {
      for (std::int64_t k = 0; k < 2; ++k) {
        std::vector<torch::Tensor> flat;
        const torch::Tensor output = net->forward(x.narrow(0, i, 1))[0][k];
        for (const torch::Tensor& g : torch::autograd::grad({output}, learner.parameters()))
          flat.push_back(g.flatten());
        rows.push_back(at::cat(flat));
      }
    }
    const torch::Tensor expected = kernel(at::stack(rows).reshape({6, -1}));
    CHECK(largest(kernel(learner.gradient_features(samples, {.sketch = 0})) - expected) < 1e-10);
    CHECK(learner.gradient_features(samples, {.sketch = 32}).sizes() == torch::IntArrayRef{6, 32});
    CHECK(torch::allclose(learner.embeddings(samples), torch::silu(net->a->forward(x)).detach()));
    CHECK(learner.capabilities().has(Capability::gradient_features));
    AnyLearner erased = std::move(learner);
    with_context(erased, two_outputs(9), two_outputs(30, 60).pick({"a", "b"}), [](const QueryContext& context) {
      const torch::NoGradGuard no_gradients;  // as a driver asks
      CHECK(Lcmd({.max_samples = 5}).select(context).positions.size() == 5);
    });
  }
  struct PlainImpl : torch::nn::Module {
    torch::Tensor w = register_parameter("w", torch::ones({2, 1}));
    torch::Tensor forward(const torch::Tensor& x) { return x.mm(w); }
  };
  ModuleLearner plain(std::make_shared<PlainImpl>(), {.inputs = {"a", "b"}, .targets = {"y"}}, mse_loss);
  plain.fit_scaling(two_outputs(16), false);
  CHECK(plain.capabilities() == CapabilitySet());
  CHECK_THROWS_WITH(plain.gradient_features(samples), Contains("gradient_features"));
}

TEST_CASE("dropout masks are functions whose mean is the network without dropout", "[learner]") {
  McDropout learner({.inputs = {"a", "b"}, .targets = {"y"}, .hidden = {24}, .dropout = 0.3});
  learner.to(torch::kCPU, torch::kFloat64);
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(6);
  const Values samples = toy::labeled(5, 50);
  const torch::Tensor draws = learner.posterior_draws(samples, 4000, 3).squeeze(2);
  const Standardizer y = Standardizer::fit(toy::labeled(16)["y"].unsqueeze(1));
  const torch::Tensor plain = y.apply(learner.predict(samples)["y"].unsqueeze(1)).flatten();
  const torch::Tensor deviation = draws.std(0);
  CHECK((deviation > 0.01).all().item<bool>());
  // One hidden layer: the output is linear in the mask.
  CHECK(((draws.mean(0) - plain).abs() < 5 * deviation / std::sqrt(4000.0)).all().item<bool>());
  // A draw is one function: asked about one sample, it says what it said among others.
  const Values one = rows(samples, torch::tensor({2}, torch::kInt64));
  CHECK(torch::allclose(learner.posterior_draws(one, 7, 3).flatten(), draws.narrow(0, 0, 7).select(1, 2)));
  CHECK((learner.variance(samples)["y"] > 0).all().item<bool>());
}

TEST_CASE("the linear schedule falls from one to its last factor", "[training]") {
  const LinearSchedule schedule({.final_factor = 0.2});
  CHECK(schedule.factor({.epoch = 0, .epochs = 10}) == 1);
  CHECK(schedule.factor({.epoch = 5, .epochs = 10}) == Approx(0.6));
  CHECK(schedule.factor({.epoch = 10, .epochs = 10}) == Approx(0.2));
}

TEST_CASE("posterior features give the covariance after the labeled samples", "[query]") {
  AnyLearner learner = prepared_mlp("tanh");
  with_context(learner, two_outputs(9), two_outputs(7, 30).pick({"a", "b"}), [](const QueryContext& context) {
    const FeatureOptions options{.of = FeatureBase::last_layer};
    const FeaturePair prior = make_features(context, options);
    CHECK(prior.labeled.square().sum(1).mean().item<double>() == Approx(1));
    FeatureOptions given = options;
    given.posterior = true;
    given.sigma = 0.3;
    const FeaturePair after = make_features(context, given);
    // The textbook form: k(x, y) - k(x, X) (k(X, X) + sigma² I)⁻¹ k(X, y).
    const torch::Tensor cross = at::mm(prior.unlabeled, prior.labeled.t());
    const torch::Tensor inverse = at::linalg_inv(kernel(prior.labeled) + 0.09 * at::eye(9, torch::kFloat64));
    const torch::Tensor expected = kernel(prior.unlabeled) - at::mm(at::mm(cross, inverse), cross.t());
    CHECK(largest(kernel(after.unlabeled) - expected) < 1e-10);
  });
}

TEST_CASE("inputs are standardised over the labeled samples, and constant ones stay finite", "[query]") {
  AnyLearner learner = Mlp({.inputs = {"a", "b"}, .targets = {"y"}});
  const auto column = [](std::initializer_list<double> values) {
    return torch::tensor(std::vector<double>(values), torch::kFloat64);
  };
  with_context(learner, {{"a", column({0, 2})}, {"b", column({5, 5})}, {"y", column({0, 1})}},
               {{"a", column({3, 1})}, {"b", column({5, 6})}}, [](const QueryContext& context) {
                 const FeaturePair pair = make_features(context, {.of = FeatureBase::inputs});
                 CHECK(torch::equal(pair.labeled, torch::tensor({{-1.0, 0.0}, {1.0, 0.0}}, torch::kFloat64)));
                 CHECK(torch::equal(pair.unlabeled, torch::tensor({{2.0, 0.0}, {0.0, 1.0}}, torch::kFloat64)));
               });
}

TEST_CASE("inputs beside one labeled sample are standardised over the candidates, and scaled by the labeled one",
          "[query]") {
  AnyLearner learner = Mlp({.inputs = {"a", "b"}, .targets = {"y"}});
  const auto column = [](std::initializer_list<double> values) {
    return torch::tensor(std::vector<double>(values), torch::kFloat64);
  };
  with_context(learner, {{"a", column({0})}, {"b", column({0})}, {"y", column({0})}},
               {{"a", column({1, 3})}, {"b", column({10, 30})}}, [](const QueryContext& context) {
                 // Means 2 and 20, deviations 1 and 10: candidates (-1, -1) and (1, 1), the labeled one (-2, -2), whose
                 // squared length of 8 is to be one.
                 const FeaturePair pair = make_features(context, {.of = FeatureBase::inputs});
                 const double near = 0.35355339059327373, far = 0.7071067811865475;
                 const torch::Tensor candidates = torch::tensor({{-near, -near}, {near, near}}, torch::kFloat64);
                 CHECK(torch::allclose(pair.unlabeled, candidates));
                 CHECK(torch::allclose(pair.labeled, torch::full({1, 2}, -far, torch::kFloat64)));
               });
}

TEST_CASE("greedy sampling looks at inputs, outputs or their product", "[query]") {
  // A learner that predicts y = u; labeled: x = 0 with y = 0.
  struct Reads {
    std::vector<std::string> inputs() const { return {"x", "u"}; }
    std::vector<std::string> targets() const { return {"y"}; }
    std::vector<torch::Tensor> parameters() const { return {}; }
    Batch pack(const Values&, std::span<const SampleId>) const { return {}; }
    torch::Tensor training_step(const Batch&) { return {}; }
    Values predict(const Values& x) const { return {{"y", x["u"]}}; }
    void set_training(bool) {}
    void reset(std::uint64_t) {}
    State save() const { return {}; }
    void load(const State&) {}
  };
  AnyLearner learner = Reads();
  const auto column = [](std::initializer_list<double> values) {
    return torch::tensor(std::vector<double>(values), torch::kFloat64);
  };
  const Values labeled{{"x", column({-1, 1})}, {"u", column({-1, 1})}, {"y", column({-1, 1})}};
  const Values candidates{{"x", column({4, 1, 3})}, {"u", column({1, 5, 3})}};
  with_context(learner, labeled, candidates, [](const QueryContext& context) {
    // Distances in (x, u) to (1, 1): 3, 4, √8. In y: 0, 4, 2. Products: 0, 16, 2 √8.
    const auto first = [&](GreedySpace space) {
      return GreedySampling({.max_samples = 1, .space = space}).select(context);
    };
    const double scale = std::sqrt(2.0);  // labeled rows are scaled to a mean square of one, here from two
    CHECK(first(GreedySpace::inputs).positions == std::vector<std::int64_t>{1});
    CHECK(first(GreedySpace::inputs).scores.front() == Approx(4 / scale));
    CHECK(first(GreedySpace::outputs).scores.front() == Approx(4));
    const Selection both = GreedySampling({.max_samples = 3}).select(context);
    // After (1, 5) is chosen with y = 5, candidate 2 is at min(√8 · 2, √8 · 2), candidate 0 at 0.
    CHECK(both.positions == std::vector<std::int64_t>{1, 2, 0});
    CHECK(both.scores[0] == Approx(16 / scale));
    CHECK(both.scores[1] == Approx(2 * std::sqrt(8.0) / scale));
    CHECK(both.scores[2] == 0);
  });
}

TEST_CASE("prob_cover without a radius takes that of pure balls, for as many clusters as there are classes",
          "[query]") {
  Values labeled = two_outputs(30);
  labeled.set("c", (labeled["a"] > 0).to(torch::kInt64) + (labeled["b"] > 1).to(torch::kInt64));
  AnyLearner classifier = prepared(Mlp({.inputs = {"a", "b"}, .targets = {"c"}, .hidden = {7}, .classes = 3}), labeled);
  AnyLearner regression = prepared_mlp("silu");
  for (const auto& [learner, clusters] : {std::pair{&classifier, 3}, {&regression, 10}}) {
    with_context(*learner, labeled, two_outputs(60, 90), [&](const QueryContext& context) {
      const ProbCoverQueryOptions published{.max_samples = 6};
      const FeaturePair pair = make_features(context, published.features);
      const SelectionProblem problem{.pool = FeatureMatrix(pair.unlabeled),
                                     .train = FeatureMatrix(pair.labeled),
                                     .seed = context.random().with("choice").bits(),
                                     .ids = context.unlabeled().ids()};
      ProbCoverQueryOptions given = published;
      given.radius = pure_radius(problem, {.clusters = clusters});
      const Selection chosen = ProbCover(published).select(context);
      CHECK(chosen.positions == ProbCover(given).select(context).positions);
      CHECK(chosen.scores == ProbCover(given).select(context).scores);
      CHECK(*given.radius != pure_radius(problem, {.clusters = clusters - 1}));
    });
  }
}

TEST_CASE("methods that condition on the labels themselves refuse posterior features", "[query]") {
  CHECK_THROWS_WITH(MaxDet({.features = {.posterior = true}}), Contains("max_det/features/posterior"));
  CHECK_THROWS_WITH(Bait({.features = {.posterior = true}}), Contains("bait/features/posterior"));
  CHECK_THROWS_WITH(Lcmd({.features = {.sketch = -1}}), Contains("lcmd/features/sketch"));
}

TEST_CASE("what a configuration leaves out of a strategy's features keeps that strategy's defaults", "[query]") {
  const Registries registries;
  const Json spec = registries.query.make({{"type", "typiclust"}, {"features", {{"sketch", 64}}}}, registries).spec();
  CHECK(spec.at("features").at("of") == "embeddings");
  CHECK(spec.at("features").at("unit_length") == true);
  CHECK(spec.at("features").at("sketch") == 64);
}
