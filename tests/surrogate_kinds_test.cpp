// SPDX-License-Identifier: Apache-2.0
// Exported Gaussian processes and classifiers, derivatives, and where a surrogate knows what it says.
#include "support/catch.hpp"
#include "support/flat.hpp"
#include "support/toy.hpp"

#include <assay/config.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/mc_dropout.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/registries.hpp>
#include <assay/surrogate.h>
#include <assay/surrogate.hpp>
#include <assay/tools/export_surrogate.hpp>
#include <assay/training/full_batch_loop.hpp>
#include <assay/transform/log_transform.hpp>
#include <assay/transform/standardise.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

using namespace assay;
namespace fs = std::filesystem;

namespace {

/// A size over six decades, an alloy of three (one never labeled), a number; two targets above zero, three classes.
Values mixed_samples(std::int64_t count, std::uint64_t seed = 3) {
  const torch::Tensor u = torch::stack(
      {uniform(toy::space(), count, RandomKey(seed))["a"], uniform(toy::space(), count, RandomKey(seed + 1))["b"]});
  const torch::Tensor size = (u[0] * 6 - 6).exp(), load = u[1];
  const torch::Tensor alloy = torch::arange(count, torch::kInt64).remainder(2).to(torch::kFloat64);
  const torch::Tensor y = size.log().sin() + alloy * load + 3;
  return {{"size", size},
          {"alloy", alloy},
          {"load", load},
          {"y", y},
          {"z", torch::stack({y.exp(), y.square() + load}, 1)},
          {"k", (load * 1.4).floor().clamp(0, 2).to(torch::kInt64)},
          {"two", (load > 1).to(torch::kInt64)}};
}

const LearnerInputs mixed_inputs{{"size", Scale::log}, {"alloy", Scale::linear, {"2024", "6061", "7075"}}, "load"};
const std::vector<std::string> mixed_names{"size", "alloy", "load"};

AnyLearner trained_on_mixed(AnyLearner learner) {
  const TensorPool pool(mixed_samples(40)), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  if (learner.spec().dump().find("gaussian_process") != std::string::npos) {
    FullBatchLoop({.iterations = 20, .starts = 1}).train(LearnerRef(learner), context);
  } else {
    DefaultTrainingLoop({.epochs = 30, .batch_size = 8, .dtype = "float64"}).train(LearnerRef(learner), context);
  }
  return learner;
}

std::span<double> span_of(const torch::Tensor& t) {
  return {t.mutable_data_ptr<double>(), static_cast<std::size_t>(t.numel())};
}

torch::Tensor predicted_means(const Surrogate& surrogate, const torch::Tensor& points) {
  const torch::Tensor means = torch::zeros({points.size(0), surrogate.target_size()}, torch::kFloat64);
  surrogate.predict(span_of(points), span_of(means));
  return means;
}

}  // namespace

TEST_CASE("an exported Gaussian process says the same without LibTorch, with the same deviation", "[surrogate]") {
  const toy::Folder folder;
  const Values test = mixed_samples(400, 11);  // more than a block
  const std::vector<std::string> targets{"y", "z"};
  const auto check = [&](const AnyLearner& learner) {
    INFO(learner.spec().dump());
    export_learner(learner, folder / "gp");
    const Surrogate surrogate(folder / "gp");
    REQUIRE(surrogate.target_size() == 3);
    REQUIRE(surrogate.has_deviation());
    const torch::Tensor points = flat(test, mixed_names), means = torch::zeros({400, 3}, torch::kFloat64),
                        deviations = torch::zeros_like(means);
    surrogate.predict(span_of(points), span_of(means), span_of(deviations));
    CHECK(torch::allclose(means, flat(learner.predict(test), targets), 1e-6, 1e-8));
    CHECK(torch::allclose(deviations, flat(learner.variance(test), targets).sqrt(), 1e-4, 1e-8));
  };
  check(trained_on_mixed(GaussianProcess({.inputs = mixed_inputs, .targets = targets})));
  check(trained_on_mixed(GaussianProcess({.inputs = mixed_inputs, .targets = targets, .covariance = Covariance::rbf})));
  check(trained_on_mixed(Transformed(GaussianProcess({.inputs = mixed_inputs, .targets = targets}),
                                     {{"y", LogTransform()}, {"z", Standardise()}})));
}

TEST_CASE("an exported classifier gives the probabilities of its classes", "[surrogate]") {
  const toy::Folder folder;
  const Values test = mixed_samples(300, 11);
  const auto check = [&](const AnyLearner& learner, std::int64_t classes) {
    INFO(learner.spec().dump());
    export_learner(learner, folder / "net");
    const Surrogate surrogate(folder / "net");
    CHECK(surrogate.classes() == classes);
    REQUIRE(surrogate.target_size() == classes);
    CHECK_FALSE(surrogate.has_deviation());
    const torch::Tensor means = predicted_means(surrogate, flat(test, mixed_names));
    CHECK(torch::allclose(means, learner.class_probabilities(test).to(torch::kFloat64), 1e-8, 1e-10));
    CHECK(torch::allclose(means.sum(1), torch::ones({300}, torch::kFloat64)));
    std::vector<double> no_room(static_cast<std::size_t>(300 * classes));
    CHECK_THROWS_WITH(surrogate.predict(span_of(flat(test, mixed_names)), no_room, no_room),
                      Contains("probabilities alone"));
  };
  check(trained_on_mixed(Mlp({.inputs = mixed_inputs, .targets = {"two"}, .hidden = {16}, .classes = 2})), 2);
  check(trained_on_mixed(Mlp({.inputs = mixed_inputs, .targets = {"k"}, .hidden = {16}, .classes = 3})), 3);
  check(trained_on_mixed(
            Ensemble({.members = 3, .inputs = mixed_inputs, .targets = {"two"}, .hidden = {16}, .classes = 2})),
        2);
  check(trained_on_mixed(
            Ensemble({.members = 3, .inputs = mixed_inputs, .targets = {"k"}, .hidden = {16}, .classes = 3})),
        3);
}

TEST_CASE("derivatives are those of the predictions, whatever the learner", "[surrogate]") {
  const toy::Folder folder;
  const Values test = mixed_samples(70, 11);
  const torch::Tensor points = flat(test, mixed_names);
  const auto check = [&](const AnyLearner& learner) {
    INFO(learner.spec().dump());
    export_learner(learner, folder / "net");
    const Surrogate surrogate(folder / "net");
    const std::int64_t targets = surrogate.target_size();
    const torch::Tensor means = torch::zeros({70, targets}, torch::kFloat64),
                        jacobians = torch::full({70, targets, 3}, 99, torch::kFloat64),
                        deviations = surrogate.has_deviation() ? torch::zeros_like(means) : torch::Tensor();
    surrogate.predict_with_jacobian(span_of(points), span_of(means), span_of(jacobians),
                                    deviations.defined() ? span_of(deviations) : std::span<double>());
    CHECK(torch::allclose(means, predicted_means(surrogate, points), 1e-12, 1e-12));
    for (const std::int64_t input : {0, 2}) {
      // Central differences, by a relative step: sizes span six decades.
      const torch::Tensor step = torch::zeros_like(points);
      step.select(1, input).copy_(points.select(1, input).abs() * 1e-5 + 1e-9);
      const torch::Tensor slopes = (predicted_means(surrogate, points + step) -
                                    predicted_means(surrogate, points - step)) /
                                   (2 * step.select(1, input).unsqueeze(1));
      const torch::Tensor largest = slopes.abs().amax();
      CHECK(torch::allclose(jacobians.select(2, input), slopes, 1e-4, 1e-6 * largest.item<double>()));
    }
    CHECK(jacobians.select(2, 1).eq(0).all().item<bool>());  // by the index of a category
  };
  for (const char* activation : {"silu", "tanh", "gelu"})
    check(trained_on_mixed(
        Mlp({.inputs = mixed_inputs, .targets = {"y", "z"}, .hidden = {12, 9}, .activation = activation})));
  check(trained_on_mixed(Ensemble({.members = 3, .inputs = mixed_inputs, .targets = {"y", "z"}, .hidden = {12}})));
  check(trained_on_mixed(
      Mlp({.inputs = mixed_inputs, .targets = {"y"}, .hidden = {9}, .loss = RegressionLoss::gaussian})));
  check(trained_on_mixed(Mlp({.inputs = mixed_inputs, .targets = {"two"}, .hidden = {12}, .classes = 2})));
  check(trained_on_mixed(
      Ensemble({.members = 2, .inputs = mixed_inputs, .targets = {"k"}, .hidden = {12}, .classes = 3})));
  check(trained_on_mixed(GaussianProcess({.inputs = mixed_inputs, .targets = {"y", "z"}})));
  // Of one that was trained, weights are so large that differences say little.
  GaussianProcess smooth({.inputs = mixed_inputs, .targets = {"y"}, .covariance = Covariance::rbf});
  smooth.fit_scaling(mixed_samples(40), /*keep_function=*/false);
  smooth.set_hyperparameters({.lengthscales = {0.7, 1, 2, 1, 1.5}, .signal_variance = 2, .noise_variance = 1e-2});
  check(smooth);
  check(trained_on_mixed(
      Transformed(Ensemble({.members = 2, .inputs = mixed_inputs, .targets = {"y", "z"}, .hidden = {12}}),
                  {{"y", LogTransform()}, {"z", Standardise()}})));
}

TEST_CASE("a surrogate knows where labeled samples were", "[surrogate]") {
  const toy::Folder folder;
  const Values known = mixed_samples(40);
  for (const AnyLearner& learner :
       {trained_on_mixed(Mlp({.inputs = mixed_inputs, .targets = {"y"}, .hidden = {8}})),
        trained_on_mixed(GaussianProcess({.inputs = mixed_inputs, .targets = {"y"}})),
        trained_on_mixed(
            Transformed(Mlp({.inputs = mixed_inputs, .targets = {"y"}, .hidden = {8}}), {{"y", LogTransform()}}))}) {
    INFO(learner.spec().dump());
    export_learner(learner, folder / "net");
    const Surrogate surrogate(folder / "net");
    const double low = known["size"].min().item<double>(), high = known["size"].max().item<double>();
    CHECK(surrogate.inputs()[0].low == std::vector<double>{low});
    CHECK(surrogate.inputs()[0].high == std::vector<double>{high});
    CHECK(surrogate.inputs()[1].categories == std::vector<std::string>{"2024", "6061", "7075"});
    CHECK(surrogate.inputs()[1].seen == std::vector<std::int64_t>{0, 1});
    const double load = known["load"][0].item<double>();
    const auto inside = [&](double size, double alloy, double at) {
      return surrogate.inside(std::vector<double>{size, alloy, at});
    };
    CHECK(inside(low, 0, load));
    CHECK(inside(high, 1, load));
    CHECK_FALSE(inside(std::nextafter(low, 0), 0, load));
    CHECK_FALSE(inside(std::nextafter(high, 9), 0, load));
    CHECK_FALSE(inside(low, 2, load));  // an alloy of which no sample was labeled
    CHECK_FALSE(inside(low, 0, std::numeric_limits<double>::quiet_NaN()));
    CHECK_THROWS_AS(surrogate.inside(std::vector<double>{low, 0}), ShapeError);
    // What no sample had to tell is no division by zero.
    const torch::Tensor unseen = torch::tensor({{low, 2.0, load}}, torch::kFloat64);
    CHECK(predicted_means(surrogate, unseen).isfinite().all().item<bool>());
  }
  // A file of an earlier version says nothing of it.
  Json json = Json::parse(assay::detail::read_file(folder / "net" / "learner.json"));
  for (Json& input : json.at("state").at("learner").at("inputs")) {
    for (const char* range : {"low", "high", "seen"}) input.erase(range);
  }
  assay::detail::write_file(folder / "net" / "learner.json", json.dump());
  CHECK_THROWS_WITH(Surrogate(folder / "net").inside(std::vector<double>{1, 0, 1}), Contains("assay.surrogate.range"));
  CHECK_NOTHROW(load_learner(folder / "net", Registries()));
}

TEST_CASE("a constant input does no harm to an exported surrogate", "[surrogate]") {
  const toy::Folder folder;
  Values batch = toy::labeled(20, 3);
  batch.set("fixed", torch::full({20}, 7, torch::kFloat64));
  const TensorPool pool(batch), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  const auto check = [&](AnyLearner learner) {
    DefaultTrainingLoop({.epochs = 5, .batch_size = 8, .dtype = "float64"}).train(LearnerRef(learner), context);
    export_learner(learner, folder / "net");
    const torch::Tensor means = predicted_means(Surrogate(folder / "net"), flat(batch, {"a", "fixed", "b"}));
    CHECK(torch::allclose(means, flat(learner.predict(batch), {"y"}), 1e-8, 1e-8));
  };
  check(Mlp({.inputs = {"a", "fixed", "b"}, .targets = {"y"}, .hidden = {8}}));
  check(Ensemble({.members = 2, .inputs = {"a", "fixed", "b"}, .targets = {"y"}, .hidden = {8}}));
  check(GaussianProcess({.inputs = {"a", "fixed", "b"}, .targets = {"y"}}));
}

TEST_CASE("what is exported from a campaign says where it comes from, in which units", "[surrogate][tools]") {
  const toy::Folder folder;
  const Json configuration = {
      {"driver", {{"max_rounds", 1}, {"dir", (folder / "c").string()}, {"label_version", "mesh 2"}}},
      {"space", Json::array({{{"name", "x"}, {"low", 0}, {"high", 4}, {"unit", "mm"}}})},
      {"label", {{"type", "external"}, {"provides", {"y"}}}},
      {"pools",
       {{"labeled", {{"type", "sobol"}, {"count", 5}}}, {"unlabeled", {{"type", "sobol"}, {"count", 9}, {"skip", 8}}}}},
      {"learner",
       {{"type", "gaussian_process"}, {"inputs", {"x"}}, {"targets", Json::array({{{"name", "y"}, {"unit", "N"}}})}}},
      {"query", {{"type", "random"}, {"max_samples", 2}}}};
  const Registries registries;
  std::vector<std::string> damaged;
  CHECK_THROWS_WITH(export_surrogate(folder / "none", folder / "s", registries, damaged),
                    Contains("assay.campaign.missing"));
  {
    AnyDriver driver = load_campaign(configuration, registries);
    driver.advance();
    CHECK_THROWS_WITH(export_surrogate(folder / "c", folder / "s", registries, damaged),
                      Contains("assay.predict.untrained"));
    while (driver.advance() == RunStatus::waiting) {
      for (const Sample& sample : driver.ask(9)) driver.tell(sample.id, done({{"y", 2 * sample.values.scalar("x")}}));
    }
  }
  for (const char* own : {"c", "c/checkpoints", "c/labels/more"})
    CHECK_THROWS_WITH(export_surrogate(folder / "c", folder / own, registries, damaged),
                      Contains("assay.export.place"));
  CHECK_FALSE(export_surrogate(folder / "c", folder / "s", registries, damaged));
  const Surrogate surrogate(folder / "s");
  CHECK(surrogate.inputs()[0].unit == "mm");
  CHECK(surrogate.targets()[0].unit == "N");
  CHECK(surrogate.provenance().learner == "gaussian_process");
  CHECK(surrogate.provenance().label_version == "mesh 2");
  CHECK(surrogate.provenance().labels == 7);
  CHECK(surrogate.provenance().round == 1);
  CHECK(surrogate.provenance().campaign.size() > 8);
  CHECK(surrogate.provenance().hash.size() == 64);
}

TEST_CASE("a surrogate in C: codes and sentences for everything that is wrong", "[surrogate]") {
  const toy::Folder folder;
  export_learner(trained_on_mixed(Ensemble({.members = 2, .inputs = mixed_inputs, .targets = {"y"}, .hidden = {8}})),
                 folder / "net");
  assay_surrogate* surrogate = nullptr;
  CHECK(assay_surrogate_open(nullptr, &surrogate) == ASSAY_ERROR_ARGUMENT);
  CHECK(assay_surrogate_open((folder / "none").c_str(), &surrogate) < 0);
  CHECK_THAT(assay_surrogate_message(), Contains("learner.json"));
  CHECK(surrogate == nullptr);
  REQUIRE(assay_surrogate_open((folder / "net").c_str(), &surrogate) == ASSAY_OK);
  CHECK(assay_surrogate_input_size(surrogate) == 3);
  CHECK(assay_surrogate_target_size(surrogate) == 1);
  CHECK(assay_surrogate_has_deviation(surrogate) == 1);
  const torch::Tensor points = flat(mixed_samples(5, 11), mixed_names);
  const torch::Tensor means = torch::zeros({5, 1}, torch::kFloat64), deviations = torch::zeros_like(means),
                      jacobians = torch::zeros({5, 1, 3}, torch::kFloat64), again = torch::zeros_like(means);
  const auto at = [](const torch::Tensor& t) { return t.mutable_data_ptr<double>(); };
  CHECK(assay_surrogate_predict(surrogate, 5, at(points), at(means), at(deviations)) == ASSAY_OK);
  CHECK(means.equal(predicted_means(Surrogate(folder / "net"), points)));
  CHECK(deviations.gt(0).all().item<bool>());
  CHECK(assay_surrogate_predict_with_jacobian(surrogate, 5, at(points), at(again), at(jacobians), nullptr) == ASSAY_OK);
  CHECK(torch::allclose(again, means, 1e-12, 1e-12));
  CHECK(jacobians.ne(0).any().item<bool>());
  CHECK(assay_surrogate_predict(surrogate, 5, nullptr, at(means), nullptr) == ASSAY_ERROR_ARGUMENT);
  CHECK(assay_surrogate_predict(surrogate, std::int64_t{1} << 62, at(points), at(means), nullptr) ==
        ASSAY_ERROR_ARGUMENT);
  CHECK(assay_surrogate_predict(surrogate, -1, at(points), at(means), nullptr) == ASSAY_ERROR_ARGUMENT);
  const double wrong[] = {-1, 0, 1}, far[] = {1e9, 0, 1};
  CHECK(assay_surrogate_predict(surrogate, 1, wrong, at(means), nullptr) == ASSAY_ERROR_DATA);
  CHECK_THAT(assay_surrogate_message(), Contains("'size'"));
  CHECK(assay_surrogate_inside(surrogate, far) == 0);
  CHECK(assay_surrogate_inside(nullptr, far) == ASSAY_ERROR_ARGUMENT);
  assay_surrogate_close(surrogate);
  assay_surrogate_close(nullptr);
}

TEST_CASE("files of an export that do not belong together are refused, with and without LibTorch", "[surrogate]") {
  const toy::Folder folder;
  const auto exported = [&](const char* name, std::uint64_t seed) {
    Mlp learner({.inputs = mixed_inputs, .targets = {"y"}, .hidden = {8}});
    learner.fit_scaling(mixed_samples(40, seed), /*keep_function=*/false);
    export_learner(Transformed(std::move(learner), {{"y", LogTransform()}}), folder / name);
  };
  exported("a", 3);
  exported("b", 5);
  const fs::path json = folder / "a/learner.json", tensors = folder / "a/learner.safetensors";
  const std::string good = assay::detail::read_file(json), weights = assay::detail::read_file(tensors);
  const auto refused = [&](const std::string& said) {
    INFO(said);
    CHECK_THROWS_WITH(Surrogate(folder / "a"), Contains("assay.surrogate.file") && Contains(said));
  };
  fs::copy_file(folder / "b/learner.safetensors", tensors, fs::copy_options::overwrite_existing);
  refused("export the learner again");
  CHECK_THROWS_WITH(load_learner(folder / "a", Registries()), Contains("export the learner again"));
  assay::detail::write_file(tensors, weights);
  CHECK_NOTHROW(Surrogate(folder / "a"));
  const auto changed = [&](const std::function<void(Json&)>& change, const std::string& said) {
    Json whole = Json::parse(good);
    change(whole);
    assay::detail::write_file(json, whole.dump());
    refused(said);
  };
  changed([](Json& whole) { whole.at("state").at("learner").at("inputs").at(0).erase("scale"); }, "inputs");
  changed([](Json& whole) { whole.at("state").at("learner").at("targets").at(0)["name"] = "z"; }, "targets");
  changed([](Json& whole) { whole.at("state").at("learner").at("inputs").at(0)["low"] = {1e9}; }, "from the least");
  changed([](Json& whole) { whole.at("learner").at("targets")["z"] = {{"type", "log"}}; }, "one of 'z'");
}

TEST_CASE("a learner that only LibTorch can ask is named when it is exported", "[surrogate][tools]") {
  const toy::Folder folder;
  export_learner(trained_on_mixed(McDropout({.inputs = mixed_inputs, .targets = {"y"}, .hidden = {8}})),
                 folder / "net");
  CHECK_THROWS_WITH(Surrogate(folder / "net"), Contains("mc_dropout") && Contains("an ensemble"));
  CHECK_NOTHROW(load_learner(folder / "net", Registries()));
}
