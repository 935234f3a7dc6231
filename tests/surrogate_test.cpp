// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/flat.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/surrogate.hpp>
#include <assay/transform/log_transform.hpp>
#include <assay/transform/standardise.hpp>

#include <array>
#include <thread>

using namespace assay;

namespace {

/// Inputs of two shapes, targets of two shapes.
Values shaped_samples(std::int64_t count) {
  Values batch = toy::labeled(count, 3);
  batch.set("c", torch::stack({batch["a"] * 2, batch["b"].square(), batch["a"] - batch["b"]}, 1));
  batch.set("z", torch::stack({batch["a"].exp(), batch["b"] + 1}, 1).to(torch::kFloat32));
  return batch;
}

AnyLearner trained_on_shaped(AnyLearner learner, const std::string& dtype = "float32") {
  const TensorPool pool(shaped_samples(40)), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  DefaultTrainingLoop({.epochs = 20, .batch_size = 8, .dtype = dtype}).train(LearnerRef(learner), context);
  return learner;
}

struct Predicted {
  torch::Tensor means, deviations;
};

Predicted ask(const Surrogate& surrogate, const torch::Tensor& points) {
  Predicted predicted{torch::full({points.size(0), surrogate.target_size()}, -1, torch::kFloat64), {}};
  const auto span = [](const torch::Tensor& t) {
    return std::span(t.mutable_data_ptr<double>(), static_cast<std::size_t>(t.numel()));
  };
  if (surrogate.has_deviation()) predicted.deviations = torch::full_like(predicted.means, -1);
  surrogate.predict(span(points), span(predicted.means),
                    predicted.deviations.defined() ? span(predicted.deviations) : std::span<double>());
  return predicted;
}

const std::vector<std::string> shaped_inputs{"c", "a"}, shaped_targets{"y", "z"};

}  // namespace

TEST_CASE("an exported network says the same without LibTorch", "[surrogate]") {
  const toy::Folder folder;
  const Values test = shaped_samples(500);
  const auto check = [&](const AnyLearner& learner, double tolerance) {
    export_learner(learner, folder / "net");
    const Surrogate surrogate(folder / "net");
    CHECK(surrogate.input_size() == 4);
    CHECK(surrogate.inputs()[0].name == "c");
    CHECK(surrogate.inputs()[0].shape == std::vector<std::int64_t>{3});
    CHECK(surrogate.target_size() == 3);
    const Predicted predicted = ask(surrogate, flat(test, shaped_inputs));
    CHECK(torch::allclose(predicted.means, flat(learner.predict(test), shaped_targets), tolerance, tolerance));
    const bool varies = learner.capabilities().has(Capability::variance);
    REQUIRE(surrogate.has_deviation() == varies);
    if (varies) {
      const torch::Tensor expected = flat(learner.variance(test), shaped_targets).sqrt();
      CHECK(torch::allclose(predicted.deviations, expected, 50 * tolerance, 50 * tolerance));
    }
    // A point alone gives the bits that it gives among others.
    const Predicted one = ask(surrogate, flat(test, shaped_inputs).narrow(0, 333, 1).contiguous());
    CHECK(torch::allclose(one.means, predicted.means.narrow(0, 333, 1), 1e-6, 1e-6));
  };
  for (const char* activation : {"silu", "relu", "tanh", "gelu"}) {
    INFO(activation);
    check(trained_on_shaped(
              Mlp({.inputs = shaped_inputs, .targets = shaped_targets, .hidden = {16, 7}, .activation = activation})),
          1e-5);
    check(trained_on_shaped(
              Mlp({.inputs = shaped_inputs, .targets = shaped_targets, .hidden = {33}, .activation = activation}),
              "float64"),
          1e-11);
  }
  check(trained_on_shaped(
            Ensemble({.members = 3, .inputs = shaped_inputs, .targets = shaped_targets, .hidden = {16, 16}})),
        1e-5);
  check(trained_on_shaped(
            Mlp({.inputs = shaped_inputs, .targets = shaped_targets, .hidden = {9}, .loss = RegressionLoss::gaussian})),
        1e-5);
  check(trained_on_shaped(Ensemble({.members = 2,
                                    .inputs = shaped_inputs,
                                    .targets = shaped_targets,
                                    .hidden = {9},
                                    .loss = RegressionLoss::gaussian})),
        1e-5);
  check(trained_on_shaped(
            Transformed(Ensemble({.members = 3, .inputs = shaped_inputs, .targets = shaped_targets, .hidden = {16}}),
                        {{"y", LogTransform()}, {"z", Standardise()}})),
        1e-5);
}

TEST_CASE("many threads ask one surrogate", "[surrogate]") {
  const toy::Folder folder;
  export_learner(
      trained_on_shaped(Ensemble({.members = 2, .inputs = shaped_inputs, .targets = shaped_targets, .hidden = {16}})),
      folder / "net");
  const Surrogate surrogate(folder / "net");
  const torch::Tensor points = flat(shaped_samples(300), shaped_inputs);
  const Predicted expected = ask(surrogate, points);
  std::array<int, 4> same{};
  std::vector<std::thread> threads;
  for (int& count : same) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const Predicted predicted = ask(surrogate, points);
        count += predicted.means.equal(expected.means) && predicted.deviations.equal(expected.deviations);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same == std::array<int, 4>{10, 10, 10, 10});
}

TEST_CASE("what is no exported network of regression is refused", "[surrogate]") {
  const toy::Folder folder;
  const AnyLearner learner = trained_on_shaped(
      Mlp({.inputs = shaped_inputs, .targets = shaped_targets, .hidden = {8}}));
  export_learner(learner, folder / "net");
  CHECK_THROWS_AS(Surrogate(folder / "none"), Error);
  const std::filesystem::path json = folder / "net" / "learner.json";
  const std::string good = assay::detail::read_file(json);
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& said) {
    std::string text = good;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    assay::detail::write_file(json, text.replace(at, from.size(), to));
    INFO(to);
    CHECK_THROWS_WITH(Surrogate(folder / "net"), Contains(said));
  };
  refused("\"mlp\"", "\"mc_dropout\"", "mc_dropout");
  refused("\"mlp\"", "\"gaussian_process\"", "known/inputs");
  refused("\"classes\": 0", "\"classes\": 1", "at least two classes");
  refused("\"classes\": 0", "\"classes\": 4", "numbers, F32");
  refused("\"silu\"", "\"sillu\"", "sillu");
  refused("\"hidden\"", "\"hiden\"", "hidden");
  refused("{", "[", "learner.json");
  std::string text = good;
  const std::size_t first = text.find("\"hidden\""), last = text.find(']', first) + 1;
  assay::detail::write_file(json, text.replace(first, last - first, "\"hidden\": [4000000000]"));
  CHECK_THROWS_WITH(Surrogate(folder / "net"), Contains("fits into memory"));

  export_learner(learner, folder / "net");
  const Surrogate surrogate(folder / "net");
  std::vector<double> points(8), means(6), deviations(6);
  surrogate.predict(points, means);
  CHECK_THROWS_AS(surrogate.predict(points, std::span(means).first(5)), ShapeError);
  CHECK_THROWS_AS(surrogate.predict(std::span(points).first(7), means), ShapeError);
  CHECK_THROWS_WITH(surrogate.predict(points, means, deviations), Contains("assay.surrogate.deviation"));
  surrogate.predict({}, {});
}
