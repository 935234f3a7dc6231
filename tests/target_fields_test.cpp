// SPDX-License-Identifier: Apache-2.0
// Targets as they are declared: shape and weight; components that are constant so far.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/asked_campaign.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/losses.hpp>
#include <assay/learner/mc_dropout.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/surrogate.hpp>
#include <assay/tools/import_table.hpp>

#include <torch/nn/modules/linear.h>

#include <fstream>
#include <limits>

using namespace assay;

namespace {

constexpr std::int64_t nodes = 51;

/// A number and a curve over a and b.
Values both(std::int64_t count, std::int64_t skip = 0) {
  Values batch = toy::labeled(count, skip);
  const torch::Tensor x = torch::linspace(0, 1, nodes, torch::kFloat64);
  return batch.set("u", (batch["a"].unsqueeze(1) * (x * 3 + 1)).sin() * batch["b"].unsqueeze(1));
}

/// Displacements of 1e-6 m along a beam that is clamped at its first node. \param late of the last node: 0 where it
/// does not move at all.
Values beam(std::int64_t count, std::int64_t skip, double late) {
  Values batch = both(count, skip);
  torch::Tensor u = batch["u"] * 1e-6;
  u.select(1, 0).fill_(0);
  u.select(1, nodes - 1).copy_(batch["a"] * late);
  return batch.set("u", u);
}

template <class Learner>
void train_in_round(Learner& learner, const Values& samples, std::int64_t round, std::int64_t epochs = 40) {
  const TensorPool pool(samples), none;
  TrainingContext context{.labeled = pool,
                          .validation = none,
                          .round = round,
                          .fine_tuning = round > 1,
                          .random = RandomKey(3).with(round)};
  DefaultTrainingLoop({.epochs = epochs, .fine_tuning_epochs = epochs, .batch_size = 16, .dtype = "float64"})
      .train(LearnerRef(learner), context);
}

Ensemble beam_learner() { return Ensemble({.inputs = {"a", "b"}, .targets = {"u"}, .hidden = {32, 32}}); }

/// Of each node, over its deviation.
torch::Tensor relative_errors(const Values& predicted, const Values& truth) {
  const torch::Tensor error = predicted.at("u") - truth.at("u");
  return error.square().mean(0).sqrt() / error_scale(truth.at("u"));
}

/// Mean over targets of the mean over their components of `each`, [n, 1] and [n, nodes].
torch::Tensor by_field(const torch::Tensor& y, const torch::Tensor& u, double weight) {
  return (y.mean(1) + weight * u.mean(1)) / (1 + weight);
}

LearnerTargets two(double weight = 1) { return {"y", LearnerTarget("u", std::nullopt, weight)}; }

}  // namespace

TEST_CASE("L7: a curve counts as one in the loss, beside a number, or what its weight says", "[l7][learner]") {
  const Values samples = both(30);
  for (const double weight : {1.0, 2.0, 0.5}) {
    for (const RegressionLoss loss : {RegressionLoss::mse, RegressionLoss::huber, RegressionLoss::gaussian}) {
      INFO(weight << " " << static_cast<int>(loss));
      Ensemble learner({.members = 2,
                        .inputs = {"a", "b"},
                        .targets = two(weight),
                        .hidden = {8},
                        .loss = loss,
                        .bootstrap = false});
      learner.to(torch::kCPU, torch::kFloat64);
      learner.fit_scaling(samples, false);
      learner.reset(7);
      const Batch batch = learner.pack(samples, {});
      torch::Tensor autograd = learner.training_step(batch);
      autograd.backward();
      std::vector<torch::Tensor> gradients;
      for (const torch::Tensor& parameter : learner.parameters()) gradients.push_back(parameter.grad().clone());
      const torch::Tensor own = learner.loss_and_gradients(batch);
      CHECK(own.item<double>() == Approx(autograd.item<double>()));
      const std::vector<torch::Tensor> parameters = learner.parameters();
      for (std::size_t i = 0; i < gradients.size(); ++i)
        CHECK(torch::allclose(parameters[i].grad(), gradients[i], 1e-9, 1e-12));
      if (loss == RegressionLoss::gaussian) continue;
      // The members' own losses, from their standardised outputs: what the columns count is in the draws already.
      double expected = 0;
      const torch::Tensor truth = batch.targets.front();
      const torch::Tensor hidden = torch::silu(torch::matmul(batch.inputs.front(), parameters[0]) + parameters[1]);
      const torch::Tensor out = (torch::matmul(hidden, parameters[2]) + parameters[3]).detach();
      for (std::int64_t member = 0; member < 2; ++member) {
        const torch::Tensor error = out[member] - truth, size = error.abs();
        const torch::Tensor each = loss == RegressionLoss::mse ? error.square()
                                                               : torch::where(size < 1, error.square() / 2, size - 0.5);
        expected += by_field(each.narrow(1, 0, 1), each.narrow(1, 1, nodes), weight).mean().item<double>();
      }
      CHECK(own.item<double>() == Approx(expected));
    }
  }
}

TEST_CASE("in a campaign begun before fields had weights every component counts as one", "[l7][learner]") {
  const Values samples = both(30);
  AnyLearner learner = Mlp({.inputs = {"a", "b"}, .targets = two(), .hidden = {8}});
  CHECK(learner.target_rules().at(1).weight == 1);
  learner.to(torch::kCPU, torch::kFloat64);
  learner.fit_scaling(samples, false);
  learner.reset(7);
  const Batch batch = learner.pack(samples, {});
  const double by_target = learner.loss_and_gradients(batch).item<double>();
  learner.count_components();
  CHECK(learner.target_rules().at(1).weight == std::nullopt);
  const torch::Tensor flat = assay::mse_loss(
      [&] {
        const std::vector<torch::Tensor> p = learner.parameters();
        return torch::matmul(torch::silu(torch::matmul(batch.inputs.front(), p[0]) + p[1]), p[2]) + p[3];
      }(),
      batch.targets.front());
  CHECK(learner.loss_and_gradients(batch).item<double>() == Approx(flat.item<double>()));
  CHECK(by_target != Approx(flat.item<double>()));
}

TEST_CASE("L7: metrics over all targets, variance and distances of outputs count each target as one", "[l7][metrics]") {
  Ensemble learner({.members = 2, .inputs = {"a", "b"}, .targets = two(3), .hidden = {8}});
  train_in_round(learner, both(30), 1, 3);
  const TensorPool test(both(40, 100));
  const LearnerView view{LearnerRef(learner)};
  const MetrologyInputs inputs{.evaluation = PoolView(test, test.ids()), .labeled = {}, .learner = view};
  const Measurements measured = Rmse().measure(MetrologyContext(inputs));
  const Values predicted = learner.predict(test.all());
  const auto squares = [&](const char* name) {
    const torch::Tensor error = predicted[name] - test.all()[name];
    return (error / error_scale(test.all()[name])).square().reshape({40, -1});
  };
  CHECK(*find(measured, "rmse") == Approx(std::sqrt(by_field(squares("y"), squares("u"), 3).mean().item<double>())));
  const Values variance = learner.variance(test.all());
  const LearnerViewWith<Variance> asked(view);
  CHECK(torch::allclose(asked.variance(PoolView(test, test.ids())),
                        by_field(variance["y"].unsqueeze(1), variance["u"], 3), 1e-9, 1e-12));
  // Draws: each column times the root of what it counts, 1/4 and 3/4 in all of the 52 columns.
  const torch::Tensor draws = learner.posterior_draws(test.all(), 2, 1);
  CHECK(draws.size(2) == 1 + nodes);
  const torch::Tensor y = draws.mean(0).select(1, 0),
                      expected = (predicted["y"] - both(30)["y"].mean()) / both(30)["y"].std(0, /*unbiased=*/false);
  CHECK(torch::allclose(y, expected * std::sqrt(52.0 / 4), 1e-6, 1e-6));
}

TEST_CASE("L2: a clamped node is predicted exactly, in any unit, and marked", "[l2][learner]") {
  const Values samples = beam(32, 0, 0), test = beam(50, 100, 0);
  const toy::Folder folder;
  const auto check = [&](auto learner, double tolerance) {
    INFO(AnyLearner(learner).spec().dump());
    train_in_round(learner, samples, 1, 60);
    const torch::Tensor predicted = learner.predict(test)["u"];
    CHECK(predicted.select(1, 0).eq(0).all().item<bool>());
    CHECK(predicted.select(1, nodes - 1).eq(0).all().item<bool>());
    CHECK(relative_errors(learner.predict(test), test).max().template item<double>() < tolerance);
    CHECK(learner.save().json.at("constant_so_far") == Json{{"u", {0, nodes - 1}}});
    return learner;
  };
  const auto exact = [&](const auto& learner) {
    const torch::Tensor variance = learner.variance(test)["u"];
    CHECK(variance.select(1, 0).eq(0).all().item<bool>());
    CHECK(variance.select(1, 1).gt(0).all().item<bool>());
  };
  exact(check(beam_learner(), 1));
  exact(check(McDropout({.inputs = {"a", "b"}, .targets = {"u"}, .hidden = {32}}), 2));
  exact(check(GaussianProcess({.inputs = {"a", "b"}, .targets = {"u"}}), 1));
  check(ModuleLearner(torch::nn::Linear(2, nodes), {.inputs = {"a", "b"}, .targets = {"u"}}, assay::mse_loss), 5);
  // A file for other programs says it too.
  const Ensemble learner = check(beam_learner(), 1);
  export_learner(learner, folder / "net");
  const Json file = parse_json(assay::detail::read_file(folder / "net" / "learner.json"), "learner.json");
  CHECK(file.at("state").at("constant_so_far").at("u") == Json{0, nodes - 1});
  const Surrogate surrogate(folder / "net");
  std::vector<double> means(nodes), deviations(nodes);
  surrogate.predict(std::vector<double>{0.3, 1.2}, means, deviations);
  CHECK(means.front() == 0);
  CHECK(deviations.front() == 0);
  CHECK(deviations[1] > 0);
  CHECK(load_learner(folder / "net", Registries()).predict(test)["u"].equal(learner.predict(test)["u"]));
}

TEST_CASE("L2: what is constant in the first labels and varies later is learnt without a reset", "[l2][learner]") {
  for (const double late : {1e-10, 1e-6, 1e-3}) {
    INFO(late);
    Ensemble learner = beam_learner();
    train_in_round(learner, beam(16, 0, 0), 1, 200);
    CHECK(learner.predict(beam(9, 50, 0))["u"].select(1, nodes - 1).eq(0).all().item<bool>());
    const Values more = beam(96, 0, late), test = beam(60, 200, late);
    train_in_round(learner, more, 2, 400);
    CHECK(learner.save().json.at("constant_so_far") == Json{{"u", {0}}});
    const torch::Tensor errors = relative_errors(learner.predict(test), test);
    CHECK(errors[0].item<double>() == 0);
    CHECK(errors[nodes - 1].item<double>() <= 0.1);
    CHECK(errors.square().mean().sqrt().item<double>() <= 0.1);
  }
}

TEST_CASE("L2: a gaussian likelihood and a module begin anew with a component that begins to vary", "[l2][learner]") {
  Mlp gaussian({.inputs = {"a", "b"}, .targets = {"u"}, .hidden = {32}, .loss = RegressionLoss::gaussian});
  ModuleLearner module(torch::nn::Linear(2, nodes), {.inputs = {"a", "b"}, .targets = {"u"}}, assay::mse_loss);
  const auto last_error = [](auto& learner) {
    train_in_round(learner, beam(16, 0, 0), 1, 60);
    train_in_round(learner, beam(48, 0, 1e-6), 2, 300);
    const Values test = beam(60, 200, 1e-6);
    return relative_errors(learner.predict(test), test)[nodes - 1].template item<double>();
  };
  CHECK(last_error(gaussian) < 0.3);
  CHECK(last_error(module) < 0.3);  // it is linear in a
}

TEST_CASE("a module may refit its scaling while it is fine-tuned", "[learner]") {
  const auto scaled = [](bool refit) {
    ModuleLearner learner(torch::nn::Linear(2, 1), {.inputs = {"a", "b"}, .targets = {"y"}, .refit_scaling = refit},
                          assay::mse_loss);
    Values few = toy::labeled(8), many = toy::labeled(40);
    learner.fit_scaling(few, false);
    many.set("y", many["y"] * 1000);
    learner.fit_scaling(many, true);
    return learner.pack(many, {}).targets.front().std(0, /*unbiased=*/false).item<double>();
  };
  CHECK(scaled(true) == Approx(1).epsilon(1e-5));
  CHECK(scaled(false) > 100);
}

TEST_CASE("F10: constant targets give errors in their own unit, whatever their number, and are predicted exactly",
          "[f10][metrics]") {
  for (const double value : {1e-9, 0.1, 300.7, 1e12}) {
    for (const std::int64_t count : {3, 10, 23, 1000}) {
      INFO(value << " " << count);
      Values samples = sobol(toy::space(), count);
      samples.set("y", torch::full({count}, value, torch::kFloat64));
      Ensemble learner({.members = 2, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {8}});
      train_in_round(learner, samples, 1, 2);
      CHECK(learner.predict(samples)["y"].eq(value).all().item<bool>());
      CHECK(learner.variance(samples)["y"].eq(0).all().item<bool>());
      const TensorPool pool(samples);
      const MetrologyInputs inputs{
          .evaluation = PoolView(pool, pool.ids()), .labeled = {}, .learner = LearnerView(LearnerRef(learner))};
      CHECK(*find(Rmse().measure(MetrologyContext(inputs)), "rmse") == 0);
      CHECK(find(R2().measure(MetrologyContext(inputs)), "r2") == nullptr);
    }
  }
}

TEST_CASE("F10: what a campaign with constant labels says of itself is finite and zero", "[f10][metrics]") {
  const toy::Folder folder;
  DriverOptions options = toy::options(folder / "c");
  Driver driver(
      options,
      {.labeled = Values(sobol(toy::space(), 16)).set("y", torch::full({16}, 0.1, torch::kFloat64)),
       .unlabeled = sobol(toy::space(), 60, {.skip = 16})},
      toy::ensemble(), Random({.max_samples = 4}),
      FunctionLabel({.provides = {"y"}, .function = "solve"}, [](const Values&) { return Values{{"y", 0.1}}; }), Rmse(),
      toy::loop());
  driver.run();
  bool measured = false;
  for (const MetricRecord& record : driver.records()) {
    if (const double* error = find(record.measurements, "prequential_rmse")) {
      measured = true;
      CHECK(*error == 0);
    }
  }
  CHECK(measured);
}

TEST_CASE("a component's scale has a floor relative to its field", "[l2][learner]") {
  const torch::Tensor data = torch::tensor(
      {{1., 0., 5., 7.}, {-1., 1e-9, 5., 7.}, {1., 0., 5., 7.}, {-1., 1e-9, 5., 7.}}, torch::kFloat64);
  const Standardizer one_field = Standardizer::fit_targets(data, {4});
  CHECK(torch::allclose(one_field.scale, torch::tensor({1., 1e-6, 0., 0.}, torch::kFloat64)));
  CHECK(one_field.mean[2].item<double>() == 5);
  const Standardizer apart = Standardizer::fit_targets(data, {1, 3});
  CHECK(torch::allclose(apart.scale, torch::tensor({1., 5e-10, 0., 0.}, torch::kFloat64), 1e-9, 0));
  CHECK(torch::allclose(error_scale(data), torch::tensor({1., 1e-6, std::sqrt(0.5), std::sqrt(0.5)}, torch::kFloat64),
                        1e-6, 0));
  CHECK(error_scale(torch::full({3, 2}, 1e-9, torch::kFloat64)).equal(torch::ones({2}, torch::kFloat64)));
}

TEST_CASE("targets go to JSON and back, and what they cannot be is an error", "[learner][options]") {
  const auto read = [](const std::string& targets) {
    const Json json{{"type", "mlp"}, {"inputs", {"a"}}, {"targets", Json::parse(targets)}};
    return Registries().learner.make(json, Registries());
  };
  const std::string said = R"(["f",{"name":"u","shape":[51],"unit":"m/s","weight":2.0}])";
  const AnyLearner learner = read(said);
  CHECK(learner.spec().at("targets") == Json::parse(said));
  CHECK(learner.targets() == std::vector<std::string>{"f", "u"});
  CHECK(learner.target_rules().at(1).shape == std::vector<std::int64_t>{51});
  CHECK(learner.target_rules().at(1).weight == 2);
  CHECK(read(R"([{"name": "f"}])").spec().at("targets") == Json{"f"});
  CHECK_THROWS_WITH(read(R"([{"name": "u", "wieght": 1}])"), Contains("/targets/0/wieght"));
  CHECK_THROWS_WITH(read(R"([{"name": "u", "weight": 0}])"), Contains("above zero"));
  CHECK_THROWS_WITH(read(R"([{"name": "u", "weight": -1}])"), Contains("above zero"));
  CHECK_THROWS_WITH(read(R"([{"name": "u", "shape": [0]}])"), Contains("extents of at least 1"));
}

namespace {

/// A campaign by ask and tell, with a number and a curve, before any label.
Json asked_configuration(const std::filesystem::path& dir, Json targets) {
  const Json space = space_to_json(toy::space()).at("variables");
  return {{"driver", {{"dir", dir.string()}, {"max_rounds", 1}}},
          {"pools",
           {{"labeled", {{"type", "sobol"}, {"space", space}, {"count", 8}}},
            {"unlabeled", {{"type", "sobol"}, {"space", space}, {"count", 20}, {"skip", 8}}}}},
          {"learner", {{"type", "mlp"}, {"inputs", {"a", "b"}}, {"targets", std::move(targets)}, {"hidden", {8}}}},
          {"query", {{"type", "random"}, {"max_samples", 2}}},
          {"loop", {{"type", "default"}, {"epochs", 2}}}};
}

AnyDriver start_asked(const toy::Folder& folder, Json targets) {
  assay::detail::write_file(folder / "asked.json", asked_configuration(folder / "c", std::move(targets)).dump());
  return assay::detail::start_asked_campaign(folder / "c", folder / "asked.json", Registries());
}

const Json declared = Json::parse(R"(["f", {"name": "u", "shape": [3, 17], "unit": "m/s"}])");

}  // namespace

TEST_CASE("S3: a first curve beside a number is told as numbers one behind the other", "[s3][session]") {
  const toy::Folder folder;
  AnyDriver driver = start_asked(folder, declared);
  REQUIRE(driver.target_schema().size() == 1);  // of f nothing is known yet
  REQUIRE(driver.advance() == RunStatus::waiting);
  std::vector<double> numbers(52);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i);
  const Values labels = assay::detail::told_labels(driver, numbers);
  CHECK(labels["f"].dim() == 0);
  CHECK(labels["u"].sizes() == torch::IntArrayRef({3, 17}));
  CHECK(labels["u"][2][16].item<double>() == 51);
  const std::vector<Sample> samples = driver.ask(2);
  REQUIRE(samples.size() == 2);
  CHECK(driver.tell(samples.front().id, done(labels)));
  CHECK_THROWS_WITH(assay::detail::told_labels(driver, std::span(numbers).first(51)),
                    Contains("52 numbers: 1 of 'f', then 51 of 'u'"));
  // A label of another shape than declared is refused, also the first.
  const toy::Folder other;
  AnyDriver again = start_asked(other, declared);
  again.advance();
  const SampleId id = again.ask(1).front().id;
  CHECK_FALSE(again.tell(id, done({{"f", 1.0}, {"u", torch::zeros({51}, torch::kFloat64)}})));
}

TEST_CASE("S3: without a declared shape the message says how to declare it", "[s3][session]") {
  const toy::Folder folder;
  AnyDriver driver = start_asked(folder, {"f", "u"});
  driver.advance();
  CHECK_THROWS_WITH(assay::detail::told_labels(driver, std::vector<double>(52)),
                    Contains("assay.label.count") && Contains(R"("shape")"));
}

TEST_CASE("S3: curves are imported into a campaign that has no label yet", "[s3][tools]") {
  const toy::Folder folder;
  { start_asked(folder, Json::parse(R"(["f", {"name": "u", "shape": [3]}])")).advance(); }
  const Values points = sobol(toy::space(), 4);
  std::ofstream table(folder / "old.csv");
  table.precision(17);
  table << "a,b,f,u[0],u[1],u[2]\n";
  for (std::int64_t i = 0; i < 4; ++i)
    table << points["a"][i].item<double>() << ',' << points["b"][i].item<double>() << ",1,2,3,4\n";
  table.close();
  const ImportReport report = import_table(folder / "c", folder / "old.csv");
  CHECK(report.refused.empty());
  CHECK(report.added == 4);
}

TEST_CASE("a target's transform in the configuration makes a transformed learner", "[config]") {
  const toy::Folder folder;
  AnyDriver driver = start_asked(folder, Json::parse(R"([{"name": "f", "transform": {"type": "log"}}, "u"])"));
  const Json spec = driver.learner().spec();
  CHECK(spec.at("type") == "transformed");
  CHECK(spec.at("targets").at("f").at("type") == "log");
  CHECK(spec.at("learner").at("targets") == Json{"f", "u"});
  driver.advance();
  CHECK_FALSE(driver.tell(driver.ask(1).front().id, done({{"f", -1.0}, {"u", 0.0}})));
}

TEST_CASE("a target's transform inside what is no learner is refused by its place", "[config]") {
  Json whole = asked_configuration("/proc/assay/none", Json::parse(R"([{"name": "f", "transform": "log"}])"));
  const Json inside = whole.at("learner");
  whole["learner"] = GENERATE(Json{{"learner", nullptr}}, Json{{"type", "transformed"}, {"targets", 5}});
  whole["learner"]["learner"] = inside;
  CHECK_THROWS_WITH(assay::load_campaign(whole, Registries()), Contains("/learner"));
}
