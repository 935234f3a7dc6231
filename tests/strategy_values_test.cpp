// SPDX-License-Identifier: Apache-2.0
// Strategies on a learner that answers from columns of the pool: the picks are worked out by hand.
#include "support/catch.hpp"
#include "support/positions.hpp"
#include "support/toy.hpp"

#include <ATen/ops/stack.h>

using namespace assay;

namespace {

/// Embeddings (p, q), targets y and z as the columns of the same names say.
struct Reads {
  std::vector<std::string> inputs() const { return {"p", "q"}; }
  std::vector<std::string> targets() const { return {"y", "z"}; }
  std::vector<torch::Tensor> parameters() const { return {}; }
  Batch pack(const Values&, std::span<const SampleId>) const { return {}; }
  torch::Tensor training_step(const Batch&) { return {}; }
  Values predict(const Values& x) const { return {{"y", 1e6 * x["p"]}, {"z", x["q"]}}; }
  void set_training(bool) {}
  void reset(std::uint64_t) {}
  State save() const { return {}; }
  void load(const State&) {}
  torch::Tensor embeddings(const Values& x) const { return at::stack({x["p"], x["q"]}, 1); }
};

torch::Tensor scalars(std::vector<double> values) { return torch::tensor(values, torch::kFloat64); }

Values candidates_at(std::vector<double> p, std::vector<double> q) {
  Values batch{{"p", scalars(std::move(p))}, {"q", scalars(std::move(q))}};
  return batch.set("y", 1e6 * batch["p"]).set("z", batch["q"]);
}

Selection select_by_columns(AnyQuery query, const Values& candidates, const Values& labeled = {},
                            std::vector<SampleId> ids = {}, Values target_variance = {}) {
  Reads learner;
  const TensorPool pool(candidates, 100), known = labeled.empty() ? TensorPool() : TensorPool(labeled);
  const QueryInputs inputs{.unlabeled = PoolView(pool, ids.empty() ? pool.ids() : std::move(ids)),
                           .labeled = known.empty() ? PoolView() : PoolView(known, known.ids()),
                           .learner = LearnerView(LearnerRef(learner), std::move(target_variance)),
                           .round = 1,
                           .random = RandomKey(1)};
  return query.select(QueryContext(inputs));
}

}  // namespace

TEST_CASE("max_det's noise decides between a near copy and a short stranger", "[query]") {
  // Squared lengths 1.25, 1.2 and 0.55: on average one, so that nothing is scaled. After (a, 0) is chosen the variance
  // of its near copy is b²σ²/(a² + σ²), and that of (0, c) is c², each with σ² on top.
  const Values candidates = candidates_at({std::sqrt(1.25), std::sqrt(1.2), 0}, {0, 0, std::sqrt(0.55)});
  const FeatureOptions features{.of = FeatureBase::embeddings};
  const auto pick = [&](double sigma) {
    return select_by_columns(MaxDet({.max_samples = 2, .features = features, .sigma = sigma}), candidates);
  };
  const Selection sharp = pick(0.5), noisy = pick(2);
  CHECK(sharp.positions == Positions{0, 2});
  CHECK(sharp.scores[0] == Approx(1.5));
  CHECK(sharp.scores[1] == Approx(0.8));
  CHECK(noisy.positions == Positions{0, 1});
  CHECK(noisy.scores[1] == Approx(1.2 * 4 / 5.25 + 4));
}

TEST_CASE("bait's noise decides whether one long candidate comes first or one of many short ones", "[query]") {
  // Squared lengths 4 and five times 1, divided by their mean, 1.5. Along p there is (8/3) to be known, along q
  // 5 (2/3) = 10/3: without noise a candidate of q takes away all of the larger; with much it learns little.
  const FeatureOptions features{.of = FeatureBase::embeddings};
  const Values candidates = candidates_at({2, 0, 0, 0, 0, 0}, {0, 1, 1, 1, 1, 1});
  const auto first = [&](double sigma) {
    return select_by_columns(Bait({.max_samples = 1, .features = features, .sigma = sigma}), candidates);
  };
  CHECK(first(1e-3).positions == Positions{1});
  CHECK(first(1e-3).scores[0] == Approx(10.0 / 3).epsilon(1e-5));
  CHECK(first(3).positions == Positions{0});
  CHECK(first(3).scores[0] == Approx((64.0 / 9) / (8.0 / 3 + 9)).epsilon(1e-6));
}

TEST_CASE("greedy sampling divides outputs by their deviation over the labeled samples", "[query]") {
  // In units of their deviations, 1e6 and 0.01: candidate 0 is at (3, 0) of the known sample, candidate 1 at (0, 5).
  const Values candidates = candidates_at({3, 0}, {0, 0.05}), labeled = candidates_at({0}, {0});
  const Values variance{{"y", scalars({1e12}).squeeze(0)}, {"z", scalars({1e-4}).squeeze(0)}};
  const auto pick = [&](Values scale) {
    return select_by_columns(GreedySampling({.max_samples = 2, .space = GreedySpace::outputs}), candidates, labeled, {},
                             std::move(scale));
  };
  const Selection scaled = pick(variance);
  CHECK(scaled.positions == Positions{1, 0});
  CHECK(scaled.scores[0] == Approx(5));
  CHECK(scaled.scores[1] == Approx(3));
  CHECK(pick({}).positions == Positions{0, 1});  // without labels to scale by, in their own units
}

TEST_CASE("equally good candidates of greedy sampling are picked by their ids, in any space", "[query]") {
  const Values candidates = candidates_at({1, 1, 1, 1}, {1, 1, 1, 1}), labeled = candidates_at({0, 0}, {0, 0});
  for (const GreedySpace space : {GreedySpace::inputs, GreedySpace::outputs, GreedySpace::both}) {
    const Selection picked = select_by_columns(GreedySampling({.max_samples = 4, .space = space}), candidates, labeled,
                                               {107, 103, 105, 101});
    CHECK(picked.positions == Positions{3, 1, 2, 0});
    CHECK(picked.scores[1] == 0);  // copies of what was chosen
  }
}

TEST_CASE("greedy sampling looks at more candidates than a block holds", "[query]") {
  constexpr std::int64_t count = 4096 + 4;
  Values candidates = candidates_at(std::vector<double>(count, 1), std::vector<double>(count, 1));
  candidates["p"][count - 1] = 9.0;
  candidates["q"][count - 1] = 9.0;
  candidates["p"][3] = -5.0;
  candidates["q"][3] = -5.0;
  const Selection picked = select_by_columns(GreedySampling({.max_samples = 3}), candidates,
                                             candidates_at({1, 2}, {1, 2}));
  CHECK(picked.positions == Positions{count - 1, 3, 0});
}

TEST_CASE("a pool of one candidate is picked, by every strategy that needs no more than these answers", "[query]") {
  const Registries registries;
  int tried = 0;
  for (const RegistryRow& row : registries.query.rows()) {
    if (row.key == "chain" || row.key == "mix" || row.key == "filter") continue;  // made of others
    const AnyQuery query = registries.query.make({{"type", row.key}}, registries);
    if (!query.requirements().without(CapabilitySet(Capability::embeddings)).empty()) continue;
    INFO(row.key);
    ++tried;
    for (const Values& labeled : {Values(), candidates_at({1, 2}, {0, 5})}) {
      CHECK(select_by_columns(query, candidates_at({3}, {4}), labeled).positions == Positions{0});
      CHECK(select_by_columns(query, candidates_at({1e-30}, {-1e-30}), labeled).positions == Positions{0});
    }
  }
  CHECK(tried >= 6);
}

TEST_CASE("candidates in tiny units are those in large units, where a method compares features", "[query]") {
  const std::vector<double> p{0.3, -1.2, 2.5, 0.1, -0.7}, q{1.5, 0.2, -0.4, -2.2, 0.9};
  std::vector<double> small_p = p, small_q = q;
  for (double& value : small_p) value *= 1e-30;
  for (double& value : small_q) value *= 1e-30;
  for (const char* method : {"core_set", "lcmd", "kmeans_pp", "max_det", "bait", "frank_wolfe", "typiclust"}) {
    INFO(method);
    const Registries registries;
    Json spec{{"type", method}, {"max_samples", 3}};
    if (std::string(method) != "core_set") spec["features"] = {{"of", "embeddings"}};
    const AnyQuery query = registries.query.make(spec, registries);
    CHECK(select_by_columns(query, candidates_at(small_p, small_q)).positions ==
          select_by_columns(query, candidates_at(p, q)).positions);
  }
}
