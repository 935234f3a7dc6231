// SPDX-License-Identifier: Apache-2.0
// A law over the registries: every option of every component changes what the component does.
#include "support/catch.hpp"
#include "support/option_law.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/module_learner.hpp>

#include <torch/nn/modules/linear.h>

using namespace assay;
using namespace option_law;

namespace {

Values data_with_classes(std::int64_t count, std::int64_t skip = 0) {
  Values batch = toy::labeled(count, skip);
  batch.set("z", batch["a"] * batch["b"] - 2 * batch["a"]);
  return batch.set("c", (batch["a"] > 0).to(torch::kInt64) + (batch["b"] > 1).to(torch::kInt64));
}

void train_on_classes(AnyLearner& learner, std::int64_t epochs, AnyTrainingLoop loop = DefaultTrainingLoop()) {
  const TensorPool pool(data_with_classes(24)), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  if (epochs > 0) loop = DefaultTrainingLoop({.epochs = epochs, .batch_size = 8});
  loop.train(LearnerRef(learner), context);
}

AnyLearner briefly_trained(AnyLearner learner) {
  train_on_classes(learner, 12);
  return learner;
}

Json one_of(const std::string& type, std::int64_t count = 6) { return {{"type", type}, {"max_samples", count}}; }

}  // namespace

TEST_CASE("every option of every query strategy changes what is picked", "[laws]") {
  Registries registries;
  registries.predicates.add("all", [](const Values& x) { return x["a"].flatten() < 9; });
  registries.predicates.add("left", [](const Values& x) { return x["a"].flatten() < 0; });
  std::vector<AnyLearner> learners;
  learners.push_back(
      briefly_trained(Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y", "z"}, .hidden = {8}})));
  learners.push_back(
      briefly_trained(Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"c"}, .hidden = {8}, .classes = 3})));
  const Values labeled = data_with_classes(16), candidates = data_with_classes(40, 100).pick({"a", "b"});
  SimulationHistory history;
  history.inputs = data_with_classes(30, 300).pick({"a", "b"});
  history.succeeded = history.inputs["a"] < 0.3;
  history.seconds = (2 * history.inputs["b"]).exp();
  for (SampleId id = 0; id < 30; ++id) history.ids.push_back(id);
  const auto picks = [&](AnyQuery query) {
    Doings doings;
    for (AnyLearner& learner : learners) {
      if (!query.requirements().without(learner.capabilities()).empty()) continue;
      const TensorPool pool(candidates, 500), known(labeled);
      const QueryInputs inputs{.unlabeled = PoolView(pool, pool.ids()),
                               .labeled = PoolView(known, known.ids()),
                               .learner = LearnerView(LearnerRef(learner)),
                               .round = 2,
                               .random = RandomKey(3),
                               .history = [&] { return history; }};
      const Selection selection = query.select(QueryContext(inputs));
      doings.insert(doings.end(), selection.positions.begin(), selection.positions.end());
      doings.insert(doings.end(), selection.scores.begin(), selection.scores.end());
    }
    return doings;
  };
  const std::string refused =
      "the method conditions on the labels itself and refuses posterior features: features_test";
  const Json posterior{{"features", {{"posterior", true}}}}, few = one_of("core_set");
  const Role role{.bases = {{"", {posterior, {{"features", {{"of", "gradients"}}}}}},
                            {"typiclust",
                             {Json::object(), posterior, {{"features", {{"of", "gradients"}}}}, {{"max_clusters", 3}}}},
                            {"chain", {{{"strategies", {one_of("random")}}}}},
                            {"mix", {{{"strategies", {one_of("random"), few}}}}},
                            {"filter", {{{"predicate", "all"}}}},
                            {"subsample", {{{"strategy", few}}}},
                            {"random_share", {{{"strategy", few}}}},
                            {"cold_start",
                             {{{"start", one_of("random")}, {"strategy", few}, {"labels", 100}},
                              {{"start", one_of("random")}, {"strategy", few}}}},
                            {"expected_value", {{{"strategy", one_of("core_set", 20)}, {"max_samples", 5}}}}},
                  .values = {{"strategy", {few, one_of("random", 3)}},
                             {"start", {few}},
                             {"strategies", {Json::array({few})}},
                             {"mix/shares", {{1, 3}}},
                             {"predicate", {"left"}},
                             {"targets", {{"z"}}},
                             {"radius", {0.3, 0.05}},
                             {"random_share/share", {0.9}},
                             {"cold_start/labels", {10}},
                             {"features/of", {"inputs", "embeddings", "last_layer", "gradients"}},
                             {"expected_value/min_success", {1.0}},
                             {"expected_value/min_failures", {30}}},
                  .nothing = {{"max_det/features/posterior", refused},
                              {"max_det/features/sigma", refused},
                              {"bait/features/posterior", refused},
                              {"bait/features/sigma", refused}}};
  check_law(registries.query, registries, role, picks);
}

TEST_CASE("every option of every stop criterion changes when a campaign ends", "[laws]") {
  const Registries registries;
  std::vector<MetricRecord> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back({i, i, {{"rmse", 4.0 / (1 + i / 3)}, {"r2", std::min(0.95, 0.03 * i)}}});
  }
  const Role role{.bases = {{"target_metric", {{{"below", 1}}, {{"metric", "r2"}, {"above", 0.5}}}}},
                  .values = {{"metric", {"r2"}}, {"below", {2}}, {"above", {0.3}}},
                  .nothing = {}};
  check_law(registries.stop, registries, role, [&](AnyStop stop) {
    Doings doings;
    for (int i = 1; i <= 40; ++i) {
      const std::vector<MetricRecord> records(all.begin(), all.begin() + i);
      doings.push_back(
          stop.should_stop({.round = i, .counts = {.labels = 10 * i}, .seconds = 1000.0 * i, .records = records})
              .has_value());
    }
    return doings;
  });
}

TEST_CASE("every option of every metric changes what is measured", "[laws]") {
  const Registries registries;
  AnyLearner regressor = briefly_trained(
      Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {12}}));
  AnyLearner classifier = briefly_trained(
      Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"c"}, .hidden = {12}, .classes = 3}));
  Json one = Json::array(), two = Json::array();
  one.push_back({{"type", "rmse"}});
  two.push_back({{"type", "mae"}});
  two.push_back({{"type", "rmse"}});
  Role role;
  role.bases["metrics"].push_back({{"metrics", one}});
  role.values["metrics"].push_back(two);
  role.values["level"] = {0.1, 0.5};
  check_law(registries.metrology, registries, role, [&](AnyMetrology metric) {
    Doings doings;
    for (AnyLearner* learner : {&regressor, &classifier}) {
      if (!metric.requirements().without(learner->capabilities()).empty()) continue;
      const TensorPool pool(data_with_classes(50, 200));
      const MetrologyInputs inputs{.evaluation = PoolView(pool, pool.ids()),
                                   .labeled = PoolView(pool, pool.ids()),
                                   .learner = LearnerView(LearnerRef(*learner))};
      for (const Measurement& m : metric.measure(MetrologyContext(inputs))) {
        note(doings, m.name);
        doings.push_back(m.value);
      }
    }
    return doings;
  });
}

TEST_CASE("every option of every optimizer changes its steps", "[laws]") {
  const Registries registries;
  const Role role{.bases = {{"", {{{"momentum", 0.9}}, {{"weight_decay", 0.1}}}}}, .values = {}, .nothing = {}};
  check_law(registries.optimizer, registries, role, [](AnyOptimizer optimizer) {
    torch::Tensor x = torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_();
    optimizer.init({x});
    Doings doings;
    for (int i = 0; i < 20; ++i) {
      x.mutable_grad() = x.detach() * torch::tensor({1.0, 2.0, 0.5}, torch::kFloat64) + std::sin(i);
      optimizer.step(optimizer.lr());
      note(doings, x);
    }
    return doings;
  });
}

TEST_CASE("every option of every schedule changes its factors", "[laws]") {
  const Registries registries;
  const Role role{.bases = {}, .values = {{"then", {{{"type", "cosine"}}}}, {"min_factor", {0.9}}}, .nothing = {}};
  check_law(registries.scheduler, registries, role, [](AnyScheduler scheduler) {
    Doings doings;
    std::vector<EpochReport> history;
    for (std::int64_t epoch = 0; epoch < 60; ++epoch) {
      doings.push_back(scheduler.factor({.epoch = epoch, .epochs = 60, .history = history}));
      history.push_back({.training_loss = 1 / (1 + 0.1 * static_cast<double>(std::min<std::int64_t>(epoch, 15)))});
    }
    return doings;
  });
}

TEST_CASE("every option of every target transform changes its numbers", "[laws]") {
  const Registries registries;
  const Role role{.bases = {}, .values = {{"floor", {1.5}}}, .nothing = {}};
  check_law(registries.transform, registries, role, [](AnyTransform transform) {
    const torch::Tensor values = torch::tensor({1.0, 2.0, 30.0}, torch::kFloat64).unsqueeze(1);
    transform.fit(values);
    Doings doings;
    note(doings, transform.apply(values));
    note(doings, transform.invert(values));
    return doings;
  });
}

TEST_CASE("every option of every pool changes its points", "[laws]") {
  const Registries registries;
  const Json space = Json::parse(R"([{"name": "a", "low": -1, "high": 1}, {"name": "b", "low": 0, "high": 2}])");
  const Json wider = Json::parse(R"([{"name": "a", "low": -1, "high": 1}, {"name": "b", "low": 0, "high": 3}])");
  const Json bound = Json::parse(R"([{"terms": {"a": 1}, "at_most": 0.5}])");
  const Role role{.bases = {{"", {{{"space", space}, {"count", 20}}, {{"space", space}}}}},
                  .values = {{"space", {wider}},
                             {"constraints", {bound}},
                             {"scramble", {7}},
                             {"seed", {7}},
                             {"skip", {3}},
                             {"sweeps", {0}}},
                  .nothing = {{"csv/file", "read from a file: data_test"},
                              {"csv/columns", "read from a file: data_test"},
                              {"npy/fields", "read from files: data_test"},
                              {"safetensors/file", "read from a file: data_test"}}};
  check_law(registries.pool, registries, role, [](AnyPool pool) {
    Doings doings;
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(pool.size(), 200); ++i) rows.push_back(i);
    doings.push_back(static_cast<double>(pool.size()));
    for (const auto& [name, tensor] : pool.gather(rows)) note(doings, tensor);
    return doings;
  });
}

TEST_CASE("every option of every learner changes what it says", "[laws]") {
  Registries registries;
  const auto net = [](std::int64_t width) {
    return [width] {
      torch::manual_seed(4);
      torch::nn::Linear first(2, width), last(width, 1);
      struct NetImpl : torch::nn::Module {};
      auto module = std::make_shared<NetImpl>();
      module->register_module("first", first);
      module->register_module("last", last);
      return AnyModule{
          module, [first, last](const torch::Tensor& x) mutable { return last->forward(first->forward(x).tanh()); },
          mse_loss};
    };
  };
  registries.modules.add("net", net(4));
  registries.modules.add("wide", net(9));
  const Json fields{{"inputs", {"a", "b"}}, {"targets", {"y"}}};
  Json module = fields;
  module["module"] = "net";
  const auto inner = [](const char* input) {
    return Json{{"type", "mlp"}, {"inputs", {input, "b"}}, {"targets", {"y"}}, {"hidden", {5}}};
  };
  const Role role{.bases = {{"", {fields}}, {"module", {module}}, {"transformed", {{{"learner", inner("a")}}}}},
                  .values = {{"inputs", {Json::array({"b", "a"})}},
                             {"targets", {{"z"}}},
                             {"transformed/targets", {{{"y", {{"type", "log"}}}}}},
                             {"transformed/learner", {inner("z")}},
                             {"hidden", {{7}}},
                             {"activation", {"tanh"}},
                             {"module", {"wide"}}},
                  .nothing = {{"classes", "of another kind of target: every test of a classifier; a law in laws_test"},
                              {"module/one_hot", "changes how many columns the module gets: input_forms_test"},
                              {"module/refit_scaling", "of trainings after the first: target_fields_test"}}};
  check_law(registries.learner, registries, role, [](AnyLearner learner) {
    Doings doings;
    const CapabilitySet can = learner.capabilities();
    if (learner.inputs().empty()) throw ConfigError({"", "", "", "", ""});
    train_on_classes(learner, 3);
    const Values asked = data_with_classes(9, 400);
    for (const auto& [name, tensor] : LearnerRef(learner)->predict(asked)) note(doings, tensor);
    if (can.has(Capability::variance)) {
      for (const auto& [name, tensor] : LearnerRef(learner)->variance(asked)) note(doings, tensor);
    }
    if (can.has(Capability::posterior_draws)) note(doings, LearnerRef(learner)->posterior_draws(asked, 4, 1));
    return doings;
  });
}

TEST_CASE("every option of every training loop changes what is learnt", "[laws]") {
  const Registries registries;
  const Json brief{{"epochs", 4}, {"fine_tuning_epochs", 3}, {"batch_size", 8}};
  const auto with = [&](Json more) {
    Json spec = brief;
    spec.update(more);
    return spec;
  };
  const Json sgd{{"type", "sgd"}, {"lr", 0.05}, {"momentum", 0.9}};
  const std::string cuda = "of CUDA devices alone: cuda_test, graph_test";
  Role role{.bases = {{"default",
                       {brief, with({{"early_stopping", {{"patience", 1}, {"watch", "holdout"}}}, {"holdout", 3}}),
                        with({{"warm_start", "shrink_and_perturb"}}),
                        with({{"epochs", 30},
                              {"optimizer", {{"type", "adam"}, {"lr", 0.2}}},
                              {"early_stopping", {{"patience", 1}, {"watch", "out_of_bag"}}}})}},
                      {"full_batch", {{{"iterations", 8}, {"starts", 1}}, {{"iterations", 60}, {"starts", 2}}}},
                      {"k_fold", {{{"training", with({{"early_stopping", {{"patience", 1}}}})}}}}},
            .values = {{"optimizer", {sgd}},
                       {"scheduler", {{{"type", "constant"}}}},
                       {"fine_tuning_lr", {0.1}},
                       {"gradient_clip", {0.01}},
                       {"dtype", {"float64"}},
                       {"early_stopping/watch", {"nothing", "holdout", "out_of_bag"}},
                       {"early_stopping/min_delta", {0.5}},
                       {"full_batch/tolerance", {0.1}},
                       {"folds", {2}}},
            .nothing = {{"device", cuda},
                        {"tf32", cuda},
                        {"graph_capture", cuda},
                        {"threads", "numbers do not depend on them; the report says how many: training_test"}}};
  // Those of the loop that each part is trained with: its own, in the default loop's rows.
  for (const RegistryRow& row : registries.loop.rows()) {
    if (row.key != "k_fold") continue;
    std::vector<std::pair<std::string, Json>> all;
    for (const OptionRow& option : row.options) leaves(option.name, option.default_value, all);
    for (const auto& [path, value] : all) {
      if (path.starts_with("training/")) role.nothing.emplace(path, "moved as the default loop's own");
    }
  }
  check_law(registries.loop, registries, role, [&](AnyTrainingLoop loop) {
    Doings doings;
    const bool full_batch = loop.spec().at("type") == "full_batch";
    AnyLearner learner = Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {6}});
    if (full_batch) learner = GaussianProcess({.inputs = {"a", "b"}, .targets = {"y"}});
    const TensorPool labeled(data_with_classes(24)), none;
    for (const bool fine_tuning : {false, true}) {
      TrainingContext context{.labeled = labeled,
                              .validation = none,
                              .round = 1 + fine_tuning,
                              .fine_tuning = fine_tuning,
                              .random = RandomKey(1 + fine_tuning)};
      const TrainingReport report = loop.train(LearnerRef(learner), context);
      doings.push_back(static_cast<double>(report.epochs));
      doings.push_back(report.validation_loss);
      note(doings, LearnerRef(learner)->predict(data_with_classes(9, 400))["y"]);
    }
    return doings;
  });
}
