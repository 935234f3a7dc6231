// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/check_equal.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/training/full_batch_loop.hpp>

#include <ATen/ops/exp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/stack.h>

#include <cmath>

using namespace assay;

namespace {

GaussianProcess two_target_process(Covariance covariance = Covariance::matern52) {
  return GaussianProcess({.inputs = {"u", "v"}, .targets = {"p", "q"}, .covariance = covariance});
}

Values batch(const torch::Tensor& u, const torch::Tensor& v) {
  return {{"u", u}, {"v", v}, {"p", (3 * u).sin() * v}, {"q", u + v.square()}};
}

/// The same 12 samples as in the peer's program.
Values twelve_samples() {
  const torch::Tensor i = torch::arange(12, torch::kFloat64);
  return batch((1.3 * i + 0.4).sin(), (2.1 * i).cos());
}

Values questions() {
  return batch(torch::tensor({0.1, -0.7, 2.0}, torch::kFloat64), torch::tensor({0.2, 0.5, -1.0}, torch::kFloat64));
}

GaussianProcess trained_from_starts(GaussianProcess learner, const Values& known) {
  const TensorPool pool(known), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(4)};
  FullBatchLoop({.starts = 6}).train(LearnerRef(learner), context);
  return learner;
}

}  // namespace

TEST_CASE("a Gaussian process has the mean, variance and likelihood that scikit-learn gives", "[learner]") {
  // scikit-learn 1.9.1: 1.9 * Matern([0.8, 1.7], nu=2.5) (RBF) + WhiteKernel(0.01) on standardised data, alpha=0.
  struct Peer {
    Covariance covariance;
    std::initializer_list<double> p, q, variance_p, variance_q;
    double likelihood;
  };
  for (const Peer& peer : {Peer{Covariance::matern52,
                                {0.09257722211217542, -0.4288611416652367, -0.012824951939035711},
                                {0.6270957485861937, -0.02718228068461148, 0.8192539498196986},
                                {0.09892358366457159, 0.0759589028916792, 0.41846782699499274},
                                {0.2334454167798721, 0.17925207606525984, 0.9875238306474726},
                                -25.17353987283968},
                           Peer{Covariance::rbf,
                                {0.0946806678802948, -0.4483571202879008, 0.15031083298697637},
                                {0.5929984756501676, -0.040850298322068435, 0.8550072076224552},
                                {0.03745846101551441, 0.030516843587749067, 0.3910020391538211},
                                {0.08839657561689311, 0.0720153577766071, 0.922708525214233},
                                -23.82114898616369}}) {
    GaussianProcess learner = two_target_process(peer.covariance);
    learner.fit_scaling(twelve_samples(), false);
    learner.set_hyperparameters({.lengthscales = {0.8, 1.7}, .signal_variance = 1.9, .noise_variance = 0.01});
    check_equal(learner.predict(questions())["p"], peer.p);
    check_equal(learner.predict(questions())["q"], peer.q);
    check_equal(learner.variance(questions())["p"], peer.variance_p);
    check_equal(learner.variance(questions())["q"], peer.variance_q);
    CHECK(learner.log_marginal_likelihood() == Approx(peer.likelihood));
  }
}

TEST_CASE("full-batch training finds the likelihood that scikit-learn finds from 21 starts", "[learner]") {
  const GaussianProcess matern = trained_from_starts(two_target_process(), twelve_samples());
  CHECK(matern.log_marginal_likelihood() == Approx(-22.91752288013352).margin(1e-3));
  CHECK(matern.hyperparameters().lengthscales[0] == Approx(0.908).epsilon(0.01));
  CHECK(trained_from_starts(two_target_process(Covariance::rbf), twelve_samples()).log_marginal_likelihood() ==
        Approx(-19.22028841605654).margin(1e-3));
}

TEST_CASE("posterior draws are functions with the posterior's mean and covariance", "[learner]") {
  for (const Covariance covariance : {Covariance::matern52, Covariance::rbf}) {
    GaussianProcess learner = two_target_process(covariance);
    learner.options.random_features = 2048;
    learner.fit_scaling(twelve_samples(), false);
    learner.set_hyperparameters({.lengthscales = {0.8, 1.7}, .signal_variance = 1.9, .noise_variance = 0.01});
    const torch::Tensor draws = learner.posterior_draws(questions(), 1500, 7);
    CHECK(draws.sizes() == torch::IntArrayRef{1500, 3, 2});
    const Standardizer p = Standardizer::fit(twelve_samples()["p"].unsqueeze(1));
    const torch::Tensor mean = p.apply(learner.predict(questions())["p"].unsqueeze(1)).flatten();
    const torch::Tensor variance = learner.variance(questions())["p"] / p.scale.square() - 0.01;
    CHECK((draws.select(2, 0).mean(0) - mean).abs().max().item<double>() < 0.08);
    const torch::Tensor ratio = draws.select(2, 0).var(0) / variance;
    CHECK((ratio - 1).abs().max().item<double>() < 0.15);
    // One function: asked about some of the points it says the same.
    const Values first = rows(questions(), torch::tensor({0}, torch::kInt64));
    CHECK(torch::allclose(learner.posterior_draws(first, 1500, 7), draws.narrow(1, 0, 1), 1e-9, 1e-9));
  }
}

TEST_CASE("random features of a Gaussian process have its covariance as inner products", "[learner]") {
  GaussianProcess learner = two_target_process();
  learner.fit_scaling(twelve_samples(), false);
  learner.set_hyperparameters({.lengthscales = {0.8, 1.7}, .signal_variance = 1.9, .noise_variance = 0.01});
  const torch::Tensor features = learner.gradient_features(twelve_samples(), {.sketch = 20000});
  const torch::Tensor points = learner.embeddings(twelve_samples());
  const torch::Tensor r = std::sqrt(5.0) * torch::cdist(points, points);
  const torch::Tensor expected = 1.9 * (1 + r + r.square() / 3) * (-r).exp();
  CHECK((at::mm(features, features.t()) - expected).abs().max().item<double>() < 5 * 1.9 / std::sqrt(20000.0));
}

TEST_CASE("a Gaussian process is saved with its samples, and refuses states of another shape", "[learner]") {
  const GaussianProcess learner = trained_from_starts(two_target_process(), twelve_samples());
  const State state = learner.save();
  GaussianProcess other = two_target_process();
  other.load(state);
  CHECK(torch::equal(other.predict(questions())["p"], learner.predict(questions())["p"]));
  CHECK(torch::equal(other.variance(questions())["q"], learner.variance(questions())["q"]));
  State damaged = state;
  damaged.tensors.set("known/inputs", torch::zeros({12, 3}, torch::kFloat64));
  CHECK_THROWS_AS(other.load(damaged), CheckpointError);
  CHECK(torch::equal(other.predict(questions())["p"], learner.predict(questions())["p"]));
  CHECK_THROWS_WITH(two_target_process().predict(questions()), Contains("assay.learner.untrained"));
  CHECK_THROWS_AS(other.set_hyperparameters({.lengthscales = {1}}), ShapeError);
}

TEST_CASE("equal samples and noiseless labels do not break the decomposition", "[learner]") {
  const torch::Tensor u = torch::tensor({0.5, 0.5, 0.5, -1.0}, torch::kFloat64);
  GaussianProcess learner = trained_from_starts(two_target_process(), batch(u, u));
  CHECK(torch::isfinite(learner.predict(questions())["p"]).all().item<bool>());
  CHECK((learner.variance(questions())["p"] > 0).all().item<bool>());
}

TEST_CASE("a campaign with a Gaussian process goes on after a stop as if it had not stopped", "[learner]") {
  using GpDriver = Driver<GaussianProcess, Bald, FunctionLabel, Rmse, FullBatchLoop>;
  const auto driver = [](DriverOptions options) {
    return GpDriver(std::move(options), toy::pools(), GaussianProcess({.inputs = {"a", "b"}, .targets = {"y"}}),
                    Bald({.max_samples = 4}), toy::label(), Rmse(), FullBatchLoop({.iterations = 30, .starts = 1}));
  };
  const toy::Folder folder;
  DriverOptions whole = toy::options(folder / "whole"), parts = toy::options(folder / "parts");
  GpDriver uninterrupted = driver(whole);
  CHECK(uninterrupted.run() == RunStatus::finished);
  for (std::int64_t rounds = 1; rounds <= 3; ++rounds) {
    parts.max_rounds = rounds;
    parts.resume = Resume::if_present;
    driver(parts).run();
  }
  parts.resume = Resume::required;
  const GpDriver resumed = driver(parts);
  CHECK(resumed.labeled().ids() == uninterrupted.labeled().ids());
  const Values test = toy::labeled(20, 200);
  CHECK(torch::equal(resumed.learner().predict(test)["y"], uninterrupted.learner().predict(test)["y"]));
  CHECK(uninterrupted.records().back().measurements.front().value < 0.2);
}

TEST_CASE("draws at the samples that a process knows vary as its posterior does, noise taken for noise", "[learner]") {
  GaussianProcess learner = two_target_process();
  learner.options.random_features = 4096;
  learner.fit_scaling(twelve_samples(), false);
  learner.set_hyperparameters({.lengthscales = {0.8, 1.7}, .signal_variance = 1.9, .noise_variance = 0.6});
  const torch::Tensor points = learner.embeddings(twelve_samples());
  const torch::Tensor r = std::sqrt(5.0) * torch::cdist(points, points);
  const torch::Tensor k = 1.9 * (1 + r + r.square() / 3) * (-r).exp();
  const torch::Tensor one = torch::eye(12, torch::kFloat64);
  const torch::Tensor posterior = k - k.mm((k + 0.6 * one).inverse()).mm(k);
  const torch::Tensor draws = learner.posterior_draws(twelve_samples(), 4000, 7).select(2, 0);
  const torch::Tensor centered = draws - draws.mean(0);
  const torch::Tensor covariance = centered.t().mm(centered) / 3999;
  REQUIRE(posterior.diagonal().min().item<double>() > 0.15);
  CHECK((covariance - posterior).abs().max().item<double>() < 0.06);
}

TEST_CASE("a new scaling while fine-tuning leaves lengthscales what they are in the inputs' own unit", "[learner]") {
  const torch::Tensor u = torch::tensor({-1.0, 1.0}, torch::kFloat64);
  GaussianProcess learner = two_target_process();
  learner.fit_scaling(batch(u, u), false);
  learner.set_hyperparameters({.lengthscales = {0.8, 1.6}, .signal_variance = 1.9, .noise_variance = 0.01});
  learner.fit_scaling(batch(4 * u, u / 2), true);  // u now deviates by 4, v by 1/2
  CHECK(learner.hyperparameters().lengthscales[0] == Approx(0.2));
  CHECK(learner.hyperparameters().lengthscales[1] == Approx(3.2));
  learner.fit_scaling(batch(u, u), false);
  CHECK(learner.hyperparameters().lengthscales[0] == Approx(0.2));  // not kept: left as they are, until `reset`
}

TEST_CASE("a Gaussian process in tiny units is the one in large units", "[learner]") {
  Values small = twelve_samples(), asked = questions();
  for (const std::string name : {"u", "p"}) small.set(name, small[name] * 1e-30);
  asked.set("u", asked["u"] * 1e-30);
  const auto prepared = [](const Values& known) {
    GaussianProcess learner = two_target_process();
    learner.fit_scaling(known, false);
    learner.set_hyperparameters({.lengthscales = {0.8, 1.7}, .signal_variance = 1.9, .noise_variance = 0.01});
    return learner;
  };
  const GaussianProcess large = prepared(twelve_samples()), tiny = prepared(small);
  CHECK(torch::allclose(tiny.predict(asked)["p"] * 1e30, large.predict(questions())["p"], 1e-9, 1e-9));
  CHECK(torch::allclose(tiny.variance(asked)["p"] * 1e60, large.variance(questions())["p"], 1e-9, 1e-9));
}
