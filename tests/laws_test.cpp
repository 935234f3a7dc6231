// SPDX-License-Identifier: Apache-2.0
// Laws that every registered strategy keeps, tried with trained learners.
#include "support/device.hpp"
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>
#include <assay/learner/gaussian_process.hpp>
#include <assay/learner/mc_dropout.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/select/k_center.hpp>
#include <assay/select/top_k.hpp>

#include <torch/nn/modules/linear.h>

#include <map>
#include <set>

using namespace assay;

namespace {

/// A trained classifier or regressor with a pool of candidates.
struct Trained {
  AnyLearner learner;
  Values labeled, candidates;

  explicit Trained(bool classes, const std::string& device = "cpu") : Trained(make(classes), device) {}
  explicit Trained(AnyLearner given, const std::string& device = "cpu")
      : learner(std::move(given)), labeled(toy::labeled(24)), candidates(toy::labeled(80, 100).without({"y"})) {
    labeled.set("c", (labeled["a"] > 0).to(torch::kInt64) + (labeled["b"] > 1).to(torch::kInt64));
    const TensorPool pool(labeled), none;
    TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
    DefaultTrainingLoop({.epochs = 20, .batch_size = 8, .device = device}).train(LearnerRef(learner), context);
  }
  static AnyLearner make(bool classes) {
    if (classes) return Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"c"}, .hidden = {16}, .classes = 3});
    return Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y"}, .hidden = {16}});
  }
  /// Ids picked, in order, from the candidates in the order `rows`.
  std::vector<SampleId> pick(AnyQuery query, const std::vector<std::int64_t>& rows, std::uint64_t seed = 3) const {
    std::vector<SampleId> ids;
    for (const std::int64_t row : rows) ids.push_back(500 + row);
    const TensorPool pool(labeled);
    const QueryInputs inputs{.unlabeled = PoolView(AnyPool(candidates), rows, ids),
                             .labeled = PoolView(pool, pool.ids()),
                             .learner = LearnerView(LearnerRef(const_cast<AnyLearner&>(learner))),
                             .round = 2,
                             .random = RandomKey(seed)};
    const Selection selection = query.select(QueryContext(inputs));
    std::vector<SampleId> picked;
    for (const std::int64_t position : selection.positions)
      picked.push_back(ids.at(static_cast<std::size_t>(position)));
    CHECK((selection.scores.empty() || selection.scores.size() == picked.size()));
    return picked;
  }
};

std::vector<std::int64_t> rows_in_order(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  return seed == 0 ? rows : random_order(RandomKey(seed), rows);
}

/// A key with other values than the defaults wherever the table of its options says what is allowed.
Json varied(const RegistryRow& row) {
  Json spec{{"type", row.key}};
  for (const OptionRow& option : row.options) {
    const Json& value = option.default_value;
    if (value.is_boolean()) spec[option.name] = !value.get<bool>();
    if (value.is_number_integer()) {
      const auto one_more = value.get<std::int64_t>() + 1;
      spec[option.name] = static_cast<double>(one_more) <= option.max ? one_more : one_more - 2;
    }
    if (value.is_number_float()) spec[option.name] = value == 0 ? 0.25 : value.get<double>() / 2;
  }
  return spec;
}

/// Every key, as it is and varied, with what it cannot do without: JSON → component → JSON → component → same JSON.
template <class Any>
void check_round_trips(const Registry<Any>& registry, const Registries& registries,
                       const std::map<std::string, Json>& needed = {}) {
  for (const RegistryRow& row : registry.rows()) {
    for (Json given : {Json{{"type", row.key}}, varied(row)}) {
      if (const auto extra = needed.find(row.key); extra != needed.end()) given.update(extra->second);
      INFO(registry.role() + " " + given.dump());
      const Json spec = registry.make(given, registries).spec();
      for (const auto& item : given.items()) CHECK(spec.at(item.key()) == item.value());
      CHECK(registry.make(Json::parse(spec.dump()), registries).spec() == spec);
    }
  }
}

/// All strategies with the learners they can choose by. Returns how many pairs there were.
int check_selection_laws(const std::string& device) {
  Registries registries;
  registries.predicates.add("all", [](const Values& x) { return x["a"].flatten() < 9; });
  const Trained classifier(true, device), regressor(false, device),
      process(GaussianProcess({.inputs = {"a", "b"}, .targets = {"y"}})),  // stays on the CPU
      dropout(McDropout({.inputs = {"a", "b"}, .targets = {"c"}, .hidden = {16}, .classes = 3}), device);
  int tried = 0;
  for (const RegistryRow& row : registries.query.rows()) {
    Json spec{{"type", row.key}};
    const Json one{{"type", "core_set"}, {"max_samples", 7}};
    const std::map<std::string, Json> combined{
        {"chain",
         {{"strategies", {{{"type", "random"}, {"max_samples", 3}}, {{"type", "core_set"}, {"max_samples", 4}}}}}},
        {"mix", {{"max_samples", 7}, {"strategies", {{{"type", "random"}}, one}}, {"shares", {1, 2}}}},
        {"subsample", {{"strategy", one}, {"candidates", 40}}},
        {"random_share", {{"strategy", one}, {"share", 0.4}}},
        {"expected_value", {{"strategy", {{"type", "core_set"}, {"max_samples", 20}}}, {"max_samples", 7}}},
        {"cold_start", {{"start", one}, {"strategy", one}}},
        {"filter", {{"strategy", one}, {"predicate", "all"}}}};
    if (const auto found = combined.find(row.key); found != combined.end()) {
      spec.update(found->second);
    } else {
      spec["max_samples"] = 7;
    }
    const AnyQuery query = registries.query.make(spec, registries);
    CHECK(registries.query.make(query.spec(), registries).spec() == query.spec());
    for (const Trained* trained : {&classifier, &regressor, &process, &dropout}) {
      if (!query.requirements().without(trained->learner.capabilities()).empty()) continue;
      ++tried;
      INFO(row.key);
      const auto order = rows_in_order(80, 0);
      const std::vector<SampleId> picked = trained->pick(query, order);
      CHECK(picked.size() == 7);
      CHECK(std::set<SampleId>(picked.begin(), picked.end()).size() == 7);
      CHECK(picked == trained->pick(query, order));
      CHECK(picked == trained->pick(query, rows_in_order(80, 9)));
      CHECK(trained->pick(query, {4, 8}).size() == 2);
      CHECK(trained->pick(query, {}).empty());
    }
  }
  return tried;
}

}  // namespace

TEST_CASE("every registered component comes back from its own specification", "[laws]") {
  Registries registries;
  registries.functions.add("solve", toy::solve);
  registries.writers.add("write", [](const std::filesystem::path&, const Values&) {});
  registries.readers.add("read", [](const std::filesystem::path&) { return Values(); });
  registries.modules.add("net", [] {
    torch::nn::Linear net(2, 1);
    return AnyModule{net.ptr(), [net](const torch::Tensor& x) mutable { return net->forward(x); }, mse_loss};
  });
  const Json fields{{"inputs", {"a", "b"}}, {"targets", {"y"}}};
  Json module = fields;
  module.update({{"module", "net"}, {"classes", 2}});
  Json classifier = fields;
  classifier["classes"] = 2;
  check_round_trips(
      registries.learner, registries,
      {{"mlp", classifier},
       {"ensemble", classifier},
       {"mc_dropout", classifier},
       {"gaussian_process", fields},
       {"transformed",
        {{"learner",
          registries.learner.make({{"type", "mlp"}, {"inputs", {"a"}}, {"targets", {"y"}}}, registries).spec()},
         {"targets", {{"y", {{"type", "log"}, {"floor", 0.5}}}}}}},
       {"module", module}});
  check_round_trips(registries.label, registries,
                    {{"external", {{"provides", {"y"}}}},
                     {"function", {{"provides", {"y"}}, {"function", "solve"}}},
                     {"process",
                      {{"provides", {"y"}},
                       {"command", {"./solve", "input.txt"}},
                       {"keep", "all"},
                       {"writer", "write"},
                       {"reader", "read"}}}});
  check_round_trips(
      registries.metrology, registries,
      {{"metrics",
        {{"metrics", Json::array({registries.metrology.make({{"type", "coverage"}}, registries).spec()})}}}});
  check_round_trips(registries.optimizer, registries);
  check_round_trips(registries.scheduler, registries);
  check_round_trips(registries.transform, registries);
  check_round_trips(registries.stop, registries, {{"target_metric", {{"metric", "r2"}, {"above", 0.9}}}});
  check_round_trips(registries.observer, registries);
  check_round_trips(registries.loop, registries,
                    {{"default",
                      {{"scheduler", registries.scheduler.make({{"type", "warmup"}}, registries).spec()},
                       {"optimizer", registries.optimizer.make({{"type", "rmsprop"}}, registries).spec()},
                       {"early_stopping", {{"patience", 3}, {"min_delta", 0.5}, {"watch", "out_of_bag"}}},
                       {"gradient_clip", 2.0},
                       {"dtype", "float64"}}}});
}

TEST_CASE("every registered query strategy keeps the laws of selection", "[laws]") {
  CHECK(check_selection_laws("cpu") >= 60);
}

TEST_CASE("every registered query strategy keeps the laws of selection with learners on a CUDA device",
          "[laws][cuda]") {
  if (no_cuda_device()) return;
  CHECK(check_selection_laws("cuda") >= 60);
}

TEST_CASE("max_variance counts the variance of the targets it is told to, and refuses others", "[laws]") {
  Trained trained(false);
  trained.learner = Ensemble({.members = 3, .inputs = {"a", "b"}, .targets = {"y", "z"}, .hidden = {16}});
  trained.labeled.set("z", trained.labeled["b"] * 2 - trained.labeled["a"]);
  const TensorPool pool(trained.labeled), none;
  TrainingContext context{.labeled = pool, .validation = none, .round = 1, .random = RandomKey(1)};
  DefaultTrainingLoop({.epochs = 20, .batch_size = 8}).train(LearnerRef(trained.learner), context);
  const auto order = rows_in_order(80, 0);
  const Values variance = LearnerRef(trained.learner)->variance(trained.candidates);
  for (const std::string target : {"y", "z"}) {
    const SampleId largest = 500 + variance.at(target).flatten().argmax().item<std::int64_t>();
    CHECK(trained.pick(MaxVariance({.max_samples = 1, .targets = {target}}), order).front() == largest);
  }
  CHECK_FALSE(trained.pick(MaxVariance({.max_samples = 20, .targets = {"y"}}), order) ==
              trained.pick(MaxVariance({.max_samples = 20, .targets = {"z"}}), order));
  CHECK_THROWS_WITH(trained.pick(MaxVariance({.targets = {"w"}}), order),
                    Contains("assay.learner.target") && Contains("y, z"));
}

TEST_CASE("every registered metric measures a real learner, and round trips", "[laws]") {
  const Registries registries;
  const Trained classifier(true), regressor(false);
  for (const RegistryRow& row : registries.metrology.rows()) {
    Json spec{{"type", row.key}};
    if (row.key == "metrics") spec["metrics"] = Json::array({{{"type", "rmse"}}, {{"type", "accuracy"}}});
    AnyMetrology metric = registries.metrology.make(spec, registries);
    CHECK(registries.metrology.make(metric.spec(), registries).spec() == metric.spec());
    std::size_t measured = 0;
    for (const Trained* trained : {&classifier, &regressor}) {
      if (!metric.requirements().without(trained->learner.capabilities()).empty()) continue;
      const TensorPool pool(trained->labeled);
      const MetrologyInputs inputs{.evaluation = PoolView(pool, pool.ids()),
                                   .labeled = PoolView(pool, pool.ids()),
                                   .learner = LearnerView(LearnerRef(const_cast<AnyLearner&>(trained->learner)))};
      for (const Measurement& m : metric.measure(MetrologyContext(inputs))) {
        INFO(m.name);
        CHECK(std::isfinite(m.value));
        ++measured;
      }
    }
    INFO(row.key);
    CHECK((measured > 0) == (row.key != "none"));
  }
}

TEST_CASE("top_k breaks ties by the lowest id and refuses NaN", "[laws]") {
  const torch::Tensor scores = torch::tensor({1.0, 3.0, 3.0, 2.0}, torch::kFloat64);
  CHECK(top_k(scores, 3).positions == std::vector<std::int64_t>{1, 2, 3});
  CHECK(top_k(scores, 3, std::vector<SampleId>{9, 8, 7, 6}).positions == std::vector<std::int64_t>{2, 1, 3});
  CHECK(top_k(scores, 9).positions.size() == 4);
  CHECK_THROWS_AS(top_k(scores / 0 * 0, 1), DataError);
}

TEST_CASE("greedy k-center takes the farthest point each time", "[laws]") {
  const torch::Tensor points = torch::tensor({0.0, 1.0, 4.0, 9.0}, torch::kFloat64).unsqueeze(1);
  const Selection picked = k_center(points, torch::zeros({1, 1}, torch::kFloat64), 3, {});
  CHECK(picked.positions == std::vector<std::int64_t>{3, 2, 1});
  CHECK(picked.scores == std::vector<double>{9, 4, 1});
}
