// SPDX-License-Identifier: Apache-2.0
// Inputs as the space says: logarithms of log-scaled variables, a column for each value of a category.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/detail/files.hpp>
#include <assay/error.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/input_columns.hpp>
#include <assay/learner/losses.hpp>
#include <assay/learner/mc_dropout.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/learner/transformed.hpp>
#include <assay/query/features.hpp>
#include <assay/surrogate.hpp>
#include <assay/transform/standardise.hpp>

#include <torch/nn/modules/linear.h>

#include <algorithm>

using namespace assay;

namespace {

/// A size over six decades, a whole number and an alloy.
const Space& wear() {
  static const Space space{{"size", 1e-6, 1, Scale::log},
                           {"passes", 1, 9, Scale::linear, Kind::integer},
                           {.name = "alloy", .kind = Kind::category, .categories = {"2024", "6061", "7075"}}};
  return space;
}

double wear_of(double size, double passes, double alloy) {
  return std::sin(std::log10(size)) + passes / 9 + (alloy == 1 ? 2 : alloy == 2 ? -1 : 0);
}

Values labeled(std::int64_t count, std::int64_t skip = 0) {
  Values batch = sobol(wear(), count, {.skip = skip});
  std::vector<double> y;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto of = [&](const char* name) { return batch[name][i].item<double>(); };
    y.push_back(wear_of(of("size"), of("passes"), of("alloy")));
  }
  return batch.set("y", torch::tensor(y, torch::kFloat64));
}

AnyLearner trained_on(AnyLearner learner, const Values& samples, std::int64_t epochs = 30) {
  const TensorPool pool(samples), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  DefaultTrainingLoop({.epochs = epochs, .batch_size = 16, .dtype = "float64"}).train(LearnerRef(learner), context);
  return learner;
}

Json variables(const Space& space) { return space_to_json(space).at("variables"); }

/// A campaign of one round over a space, its learner by JSON. \param solve of one sample, for target y.
Json configuration_over(const std::filesystem::path& dir, const Space& space, std::int64_t labels, std::uint64_t seed,
                        Json inputs) {
  return {{"driver", {{"dir", dir.string()}, {"max_rounds", 0}, {"seed", seed}, {"resume", "if_present"}}},
          {"pools",
           {{"labeled", {{"type", "sobol"}, {"space", variables(space)}, {"count", labels}, {"scramble", seed}}},
            {"unlabeled", {{"type", "sobol"}, {"space", variables(space)}, {"count", 4}, {"skip", 1000}}}}},
          {"learner", {{"type", "ensemble"}, {"inputs", std::move(inputs)}, {"targets", {"y"}}}},
          {"query", {{"type", "random"}, {"max_samples", 1}}},
          {"label", {{"type", "function"}, {"provides", {"y"}}, {"function", "solve"}}}};
}

Registries with(std::function<Values(const Values&)> solve) {
  Registries all;
  all.functions.add("solve", std::move(solve));
  return all;
}

/// RMSE over the space of the default ensemble of a campaign from JSON, trained on `labels` points.
double error_of_default(const Space& space, std::int64_t labels, std::uint64_t seed,
                        const std::function<double(const Values&)>& f) {
  const toy::Folder folder;
  AnyDriver driver = load_campaign(configuration_over(folder / "c", space, labels, seed, space.names()),
                                   with([&](const Values& x) { return Values{{"y", f(x)}}; }));
  driver.run();
  const Values test = sobol(space, 500, {.skip = 5000});
  const torch::Tensor predicted = driver.learner().predict(test)["y"];
  double squares = 0;
  for (std::int64_t i = 0; i < 500; ++i) {
    const double error = predicted[i].item<double>() - f(row(test, i));
    squares += error * error / 500;
  }
  return std::sqrt(squares);
}

double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

Json learner_of(const std::filesystem::path& dir) {
  return parse_json(assay::detail::read_file(dir / "campaign.json"), "campaign.json").at("learner");
}

}  // namespace

TEST_CASE("inputs become columns in the form that the space says", "[learner][s5][f14]") {
  const Values batch{{"size", std::vector<double>{1e-6, 1, std::exp(2.0)}},
                     {"passes", std::vector<double>{1, 4, 9}},
                     {"alloy", std::vector<double>{0, 2, 1}}};
  const torch::Tensor columns = input_columns(wear(), batch);
  const torch::Tensor expected = torch::tensor(
      {{std::log(1e-6), 1., 1., 0., 0.}, {0., 4., 0., 0., 1.}, {2., 9., 0., 1., 0.}}, torch::kFloat64);
  CHECK(torch::allclose(columns, expected, 1e-15, 1e-15));
  // A field of several numbers, each a category.
  const Values several{{"kinds", torch::tensor({{0, 1}, {1, 1}})}};
  CHECK(input_columns({{"kinds", Scale::linear, {"a", "b"}}}, several)
            .equal(torch::tensor({{1., 0., 0., 1.}, {0., 1., 0., 1.}}, torch::kFloat64)));
  CHECK(input_columns({"kinds"}, several).equal(several["kinds"].to(torch::kFloat64)));
}

TEST_CASE("a number without a logarithm and an index of no category are named", "[learner][s5][f14]") {
  const auto columns_of = [](double size, double alloy) {
    return input_columns(wear(), {{"size", std::vector<double>{size}},
                                  {"passes", std::vector<double>{1}},
                                  {"alloy", std::vector<double>{alloy}}});
  };
  for (const double size : {0.0, -1e-9}) {
    CHECK_THROWS_WITH(columns_of(size, 0),
                      Contains("assay.learner.log") && Contains("'size'") && Contains(Json(size).dump()));
  }
  for (const double alloy : {3.0, -1.0, 0.5}) {
    CHECK_THROWS_WITH(columns_of(1, alloy), Contains("assay.learner.category") && Contains("'alloy'") &&
                                                Contains("0 to 2") && Contains(Json(alloy).dump()));
  }
}

TEST_CASE("inputs go to JSON and back, and what they cannot be is an error", "[learner][options]") {
  const auto read = [](const Json& json) {
    const Json whole{{"inputs", json}};
    std::vector<ErrorParts> problems;
    LearnerInputs inputs;
    assay::detail::OptionCodec<LearnerInputs>::read(ConfigReader(whole, "", problems, nullptr).child("inputs"), inputs);
    if (!problems.empty()) throw ConfigError(std::move(problems));
    return inputs;
  };
  const LearnerInputs inputs{"a", {"size", Scale::log}, {"alloy", Scale::linear, {"x", "y"}}};
  const Json json = options_to_json(MlpOptions{.inputs = inputs, .targets = {"y"}}).at("inputs");
  CHECK(json == Json::parse(R"(["a", {"name": "size", "scale": "log"}, {"name": "alloy", "categories": ["x", "y"]}])"));
  CHECK(read(json) == inputs);
  CHECK(read(Json::parse(R"([{"name": "a", "scale": "linear"}])")) == LearnerInputs{"a"});
  CHECK_THROWS_WITH(read(Json::parse(R"([{"name": "a", "scael": "log"}])")), Contains("/inputs/0/scael"));
  CHECK_THROWS_WITH(read(Json::parse(R"([{"scale": "log"}])")), Contains("/inputs/0/name"));
  CHECK_THROWS_WITH(read(Json::parse(R"([3])")), Contains("/inputs/0") && Contains("a name, or an object"));
  CHECK_THROWS_WITH(read(Json::parse(R"([{"name": "a", "scale": "log", "categories": ["x"]}])")),
                    Contains("a log scale or categories"));
  CHECK_THROWS_WITH(LearnerInputs({{"a", Scale::linear, {"x", "x"}}}), Contains("assay.config.duplicate"));
}

TEST_CASE("every learner takes inputs as the space says, saved, exported and loaded", "[learner][s5][f14]") {
  const Values samples = labeled(48), test = labeled(100, 300);
  const toy::Folder folder;
  const auto check = [&](AnyLearner learner, double tolerance) {
    INFO(learner.spec().dump());
    learner = trained_on(std::move(learner), samples);
    CHECK(learner.input_columns(test).equal(input_columns(wear(), test)));
    const torch::Tensor predicted = learner.predict(test)["y"];
    CHECK((predicted - test["y"]).square().mean().sqrt().item<double>() < tolerance);
    export_learner(learner, folder / "net");
    const AnyLearner loaded = load_learner(folder / "net", Registries());
    CHECK(loaded.predict(test)["y"].equal(predicted));
    CHECK(loaded.spec() == learner.spec());
    CHECK_THROWS_WITH(learner.predict(Values(test).set("size", torch::zeros({100}, torch::kFloat64))),
                      Contains("assay.learner.log"));
  };
  check(Mlp({.inputs = wear(), .targets = {"y"}, .hidden = {32}}), 0.9);
  check(Ensemble({.members = 2, .inputs = wear(), .targets = {"y"}, .hidden = {32}}), 0.9);
  check(McDropout({.inputs = wear(), .targets = {"y"}, .hidden = {32}}), 0.9);
  check(GaussianProcess({.inputs = wear(), .targets = {"y"}}), 0.9);
  check(Transformed(Mlp({.inputs = wear(), .targets = {"y"}, .hidden = {32}}), {{"y", Standardise()}}), 0.9);
}

TEST_CASE("a state of a learner with inputs in another form is refused", "[learner]") {
  const AnyLearner learner = trained_on(Mlp({.inputs = wear(), .targets = {"y"}, .hidden = {8}}), labeled(20), 2);
  Mlp other({.inputs = {"size", "passes", {"alloy", Scale::linear, {"2024", "6061", "7075"}}},
             .targets = {"y"},
             .hidden = {8}});
  CHECK_THROWS_WITH(other.load(learner.save()), Contains("assay.checkpoint.learner") && Contains("same form"));
  Mlp renamed({.inputs = {{"size", Scale::log}, "passes", {"alloy", Scale::linear, {"2024", "7075", "6061"}}},
               .targets = {"y"},
               .hidden = {8}});
  CHECK_THROWS_WITH(renamed.load(learner.save()), Contains("assay.checkpoint.learner"));
}

TEST_CASE("an exported surrogate takes the plain numbers and the categories' indices", "[surrogate][s5][f14]") {
  const toy::Folder folder;
  const Values test = labeled(300, 300);
  const torch::Tensor points = torch::stack({test["size"], test["passes"], test["alloy"]}, 1).contiguous();
  export_learner(trained_on(Ensemble({.members = 3, .inputs = wear(), .targets = {"y"}, .hidden = {16}}), labeled(48)),
                 folder / "net");
  const Surrogate surrogate(folder / "net");
  REQUIRE(surrogate.input_size() == 3);
  std::vector<double> means(300), deviations(300);
  const std::span all(points.const_data_ptr<double>(), 900);
  surrogate.predict(all, means, deviations);
  const AnyLearner learner = load_learner(folder / "net", Registries());
  CHECK(torch::allclose(torch::tensor(means, torch::kFloat64), learner.predict(test)["y"], 1e-9, 1e-9));
  CHECK(torch::allclose(torch::tensor(deviations, torch::kFloat64), learner.variance(test)["y"].sqrt(), 1e-7, 1e-7));
  const std::vector<double> below{0, 1, 0}, no_alloy{1, 1, 3};
  CHECK_THROWS_WITH(surrogate.predict(below, std::span(means).first(1)),
                    Contains("assay.learner.log") && Contains("'size'"));
  CHECK_THROWS_WITH(surrogate.predict(no_alloy, std::span(means).first(1)),
                    Contains("assay.learner.category") && Contains("'alloy'"));
}

TEST_CASE("a module gets logarithms by default, and columns for a category when asked", "[learner]") {
  const Values samples = labeled(20);
  const auto width_of = [&](bool one_hot, std::int64_t columns) {
    ModuleLearner learner(torch::nn::Linear(columns, 1), {.inputs = wear(), .targets = {"y"}, .one_hot = one_hot},
                          assay::mse_loss);
    learner.fit_scaling(samples, false);
    const torch::Tensor seen = learner.pack(samples, {}).inputs.front();
    CHECK(learner.predict(samples)["y"].size(0) == 20);
    const torch::Tensor log = samples["size"].log();
    CHECK(torch::allclose(seen.select(1, 0).to(torch::kFloat64), (log - log.mean()) / log.std(0, /*unbiased=*/false),
                          1e-5, 1e-5));
    return seen.size(1);
  };
  CHECK(width_of(false, 3) == 3);
  CHECK(width_of(true, 5) == 5);
}

TEST_CASE("strategies measure distances in the inputs as the learner takes them", "[query][s5]") {
  // In the plain numbers all sizes but the largest are the same; in their logarithms they are evenly spread.
  const Space space{{"size", 1e-6, 1, Scale::log}};
  Mlp learner({.inputs = space, .targets = {"y"}});
  const TensorPool known(Values{{"size", std::vector<double>{1e-6, 1}}, {"y", std::vector<double>{0, 1}}});
  const TensorPool pool(Values{{"size", std::vector<double>{1e-5, 1e-3, 0.5}}});
  const QueryInputs inputs{.unlabeled = PoolView(pool, pool.ids()),
                           .labeled = PoolView(known, known.ids()),
                           .learner = LearnerView(LearnerRef(learner))};
  const Selection far = GreedySampling({.max_samples = 1, .space = GreedySpace::inputs}).select(QueryContext(inputs));
  CHECK(far.positions == std::vector<std::int64_t>{1});
  Mlp plain({.inputs = {"size"}, .targets = {"y"}});
  const QueryInputs raw{.unlabeled = PoolView(pool, pool.ids()),
                        .labeled = PoolView(known, known.ids()),
                        .learner = LearnerView(LearnerRef(plain))};
  CHECK(GreedySampling({.max_samples = 1, .space = GreedySpace::inputs}).select(QueryContext(raw)).positions ==
        std::vector<std::int64_t>{2});
}

TEST_CASE("S5: a function of a logarithm is learnt from JSON over six decades", "[s5][config]") {
  const Space space{{"size", 1e-6, 1, Scale::log}};
  const auto error = [&](const std::function<double(double)>& of_decade) {
    std::vector<double> errors;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      errors.push_back(
          error_of_default(space, 32, seed, [&](const Values& x) { return of_decade(std::log10(x.scalar("size"))); }));
    }
    return median(errors);
  };
  CHECK(error([](double decade) { return std::sin(decade); }) <= 0.03);  // 0.547 of the plain numbers
  CHECK(error([](double decade) { return std::tanh((decade + 3) / 2); }) <= 0.03);
  CHECK(error([](double decade) { return 1 / (1 + 0.1 * decade * decade); }) <= 0.03);
}

TEST_CASE("F14: six categories are learnt from JSON as the names they are", "[f14][config]") {
  const Space six{{.name = "kind", .kind = Kind::category, .categories = {"a", "b", "c", "d", "e", "f"}}, {"x", 0, 1}};
  const std::vector<double> of_kind{3, -2, 0.5, 4, -1, 1.5};
  const auto f = [&](const Values& s) {
    return of_kind[static_cast<std::size_t>(s.scalar("kind"))] + 0.2 * s.scalar("x");
  };
  std::vector<double> errors;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) errors.push_back(error_of_default(six, 60, seed, f));
  CHECK(median(errors) / 2.1 <= 0.01);  // the deviation of f is 2.1
}

TEST_CASE("the form of inputs is fixed when a campaign begins, and a campaign begun with plain numbers keeps them",
          "[config][s5]") {
  const toy::Folder folder;
  const Registries registries = with(
      [](const Values& x) { return Values{{"y", wear_of(x.scalar("size"), x.scalar("passes"), x.scalar("alloy"))}}; });
  const Json plain = wear().names();
  const Json formed = options_to_json(MlpOptions{.inputs = wear(), .targets = {"y"}}).at("inputs");
  const auto begin = [&](const std::string& name, const Json& inputs) {
    Json json = configuration_over(folder / name, wear(), 12, 1, inputs);
    json["loop"] = {{"type", "default"}, {"epochs", 2}};
    load_campaign(json, registries).run();
    return json;
  };
  Json now = begin("new", plain);
  CHECK(learner_of(folder / "new").at("inputs") == formed);
  // As a version without forms has left it behind: plain names.
  const Json before = Json::parse(
      R"([{"name": "size", "scale": "linear"}, {"name": "passes", "scale": "linear"}, {"name": "alloy"}])");
  Json old = begin("old", before);
  CHECK(learner_of(folder / "old").at("inputs") == plain);
  for (const auto& [name, inputs] : {std::pair("new", formed), std::pair("old", plain)}) {
    INFO(name);
    // From the directory, and from the file it was begun with, where both have plain names.
    CHECK(open_campaign(folder / name, registries).learner().spec().at("inputs") == inputs);
    CHECK(load_campaign(configuration_over(folder / name, wear(), 12, 1, plain), registries)
              .learner()
              .spec()
              .at("inputs") == inputs);
  }
}
