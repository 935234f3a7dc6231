// SPDX-License-Identifier: Apache-2.0
// What scikit-activeml 1.0.1 chooses from the same features: tests/fixtures/query/generate wrote it down.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/detail/files.hpp>
#include <assay/select/prob_cover.hpp>
#include <assay/select/typiclust.hpp>

#include <ATen/ops/mv.h>
#include <ATen/ops/softmax.h>

#include <map>

using namespace assay;

namespace {

const std::string fixtures = ASSAY_FIXTURES;

const Json& peer() {
  static const Json json = parse_json(assay::detail::read_file(fixtures + "/query/scikit_activeml_1.0.1.json"), "peer");
  return json;
}

const Values& peer_features() {
  static const Values tensors = read_safetensors(fixtures + "/select/features.safetensors");
  return tensors;
}

torch::Tensor tensor_of(const Json& json) { return torch::tensor(json.get<std::vector<double>>(), torch::kFloat64); }

using Rows = std::vector<std::int64_t>;

/// A learner that has learnt nothing: it predicts what the peer's does, and embeds a sample as its features.
struct Given {
  std::vector<std::string> inputs() const { return {"x"}; }
  std::vector<std::string> targets() const { return {"y"}; }
  std::vector<torch::Tensor> parameters() const { return {}; }
  Batch pack(const Values&, std::span<const SampleId>) const { return {}; }
  torch::Tensor training_step(const Batch&) { return {}; }
  Values predict(const Values& inputs) const {
    const std::int64_t d = inputs["x"].size(1);
    return {{"y", at::mv(inputs["x"], torch::arange(1, d + 1, torch::kFloat64) / d)}};
  }
  torch::Tensor embeddings(const Values& inputs) const { return inputs["x"]; }
  torch::Tensor class_probabilities(const Values& inputs) const { return at::softmax(inputs["x"].narrow(1, 0, 3), 1); }
  void set_training(bool) {}
  void reset(std::uint64_t) {}
  State save() const { return {}; }
  void load(const State&) {}
};

Selection select_as_peer(AnyQuery query, const Values& candidates, const Values& labeled, std::uint64_t seed = 1) {
  AnyLearner learner = Given();
  const TensorPool known(labeled, 0), pool(candidates, 1000);
  const QueryInputs inputs{.unlabeled = PoolView(pool, pool.ids()),
                           .labeled = known.empty() ? PoolView() : PoolView(known, known.ids()),
                           .learner = LearnerView(LearnerRef(learner)),
                           .round = 1,
                           .random = RandomKey(seed)};
  return query.select(QueryContext(inputs));
}

}  // namespace

TEST_CASE("greedy sampling chooses what scikit-activeml 1.0.1 chooses", "[query]") {
  const std::map<std::string, GreedySpace> spaces{
      {"inputs", GreedySpace::inputs}, {"outputs", GreedySpace::outputs}, {"both", GreedySpace::both}};
  REQUIRE(peer().at("greedy_sampling").size() == 5);
  for (const Json& row : peer().at("greedy_sampling")) {
    const auto set = row.at("set").get<std::string>();
    const Values labeled{{"x", peer_features().at(set + "/train")}, {"y", tensor_of(row.at("labels"))}};
    const Values candidates{{"x", peer_features().at(set + "/pool")}};
    for (const auto& [name, space] : spaces) {
      INFO(set << ", " << name);
      const auto expected = row.at(name).get<Rows>();
      const GreedySampling query({.max_samples = static_cast<std::int64_t>(expected.size()), .space = space});
      CHECK(select_as_peer(query, candidates, labeled).positions == expected);
    }
  }
}

TEST_CASE("prob_cover chooses what scikit-activeml 1.0.1 chooses", "[query]") {
  REQUIRE(peer().at("prob_cover").size() == 5);
  for (const Json& row : peer().at("prob_cover")) {
    const auto set = row.at("set").get<std::string>();
    INFO(set);
    const auto expected = row.at("indices").get<Rows>();
    const SelectionProblem problem{.pool = FeatureMatrix(peer_features().at(set + "/pool")),
                                   .train = FeatureMatrix(peer_features().at(set + "/train")),
                                   .count = static_cast<std::int64_t>(expected.size())};
    CHECK(prob_cover(problem, {.radius = row.at("radius").get<double>()}).rows == expected);
  }
}

TEST_CASE("badge draws with the chances that scikit-activeml 1.0.1 gives", "[query]") {
  const Json& row = peer().at("badge");
  const auto chances = row.at("chances").get<std::vector<double>>();
  const auto first = row.at("first").get<std::int64_t>();
  const Values candidates{{"x", peer_features().at(row.at("set").get<std::string>() + "/pool").narrow(0, 0, 8)}};
  std::vector<int> drawn(chances.size());
  int all = 0;
  // The peer begins with the row of largest norm, badge with any: the second draw is compared, after the same first.
  for (std::uint64_t seed = 0; seed < 8000; ++seed) {
    const Rows picks = select_as_peer(Badge({.max_samples = 2}), candidates, {}, seed).positions;
    if (picks.front() != first) continue;
    ++all;
    ++drawn.at(static_cast<std::size_t>(picks.at(1)));
  }
  REQUIRE(all > 800);
  for (std::size_t i = 0; i < chances.size(); ++i) {
    INFO("row " << i << ": " << drawn[i] << " of " << all);
    const double deviation = std::sqrt(chances[i] * (1 - chances[i]) / all);
    CHECK(drawn[i] / static_cast<double>(all) == Approx(chances[i]).margin(4 * deviation + 1e-12));
  }
}

TEST_CASE("typiclust chooses what scikit-activeml 1.0.1 chooses, and its radius of pure balls is the peer's",
          "[query]") {
  const Json& groups = peer().at("groups");
  std::vector<torch::Tensor> lines;
  for (const Json& line : groups.at("rows")) lines.push_back(tensor_of(line));
  const torch::Tensor rows = torch::stack(lines);
  const SelectionProblem problem{.pool = FeatureMatrix(rows.narrow(0, 1, rows.size(0) - 1)),
                                 .train = FeatureMatrix(rows.narrow(0, 0, 1)),
                                 .count = 3};
  Rows picks = typiclust(problem, {.neighbors = groups.at("neighbors").get<std::int64_t>()}).rows;
  for (std::int64_t& row : picks) ++row;
  CHECK(picks == groups.at("typiclust").get<Rows>());
  // The peer tries radii in steps of a thousandth: the largest that is pure enough is the last below ours.
  const double radius = pure_radius(problem, {.clusters = 4});
  CHECK(radius >= groups.at("radius")[0].get<double>());
  CHECK(radius < groups.at("radius")[1].get<double>());
}
