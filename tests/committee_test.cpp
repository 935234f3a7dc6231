// SPDX-License-Identifier: Apache-2.0
// Strategies on posterior draws and combinators, on tables of what each function says.
#include "support/catch.hpp"
#include "support/check_equal.hpp"
#include "support/positions.hpp"
#include "support/toy.hpp"

#include <assay/error.hpp>

#include <ATen/ops/exp.h>
#include <ATen/ops/sin.h>

#include <algorithm>
#include <cmath>

using namespace assay;

namespace {

/// Draw d says about sample i what the table says: [draws, n, k].
struct Committee {
  torch::Tensor draws;

  std::vector<std::string> inputs() const { return {"i"}; }
  std::vector<std::string> targets() const { return {"y"}; }
  std::vector<torch::Tensor> parameters() const { return {}; }
  Batch pack(const Values&, std::span<const SampleId>) const { return {}; }
  torch::Tensor training_step(const Batch&) { return {}; }
  Values predict(const Values& x) const { return {{"y", x["i"]}}; }
  void set_training(bool) {}
  void reset(std::uint64_t) {}
  State save() const { return {}; }
  void load(const State&) {}
  torch::Tensor posterior_draws(const Values& x, std::int64_t count, std::uint64_t) const {
    CHECK(count == draws.size(0));
    return draws.index_select(1, x["i"].to(torch::kInt64));
  }
};

struct ClassCommittee : Committee {
  torch::Tensor class_probabilities(const Values& x) const {
    return draws.mean(0).index_select(0, x["i"].to(torch::kInt64));
  }
};

template <class Learner>
Selection select_by_committee(AnyQuery query, Learner learner, std::int64_t candidates, std::int64_t labels = 0,
                              std::uint64_t seed = 1) {
  const TensorPool pool(Values{{"i", torch::arange(candidates, torch::kFloat64)}}, 100);
  TensorPool labeled;
  if (labels > 0) labeled = TensorPool(Values{{"i", torch::arange(labels, torch::kFloat64)}});
  const QueryInputs inputs{.unlabeled = PoolView(pool, pool.ids()),
                           .labeled = labels > 0 ? PoolView(labeled, labeled.ids()) : PoolView(),
                           .learner = LearnerView(LearnerRef(learner)),
                           .round = 1,
                           .random = RandomKey(seed)};
  return query.select(QueryContext(inputs));
}

/// Probabilities of four functions for six samples and three classes, the same numbers as in the peer's program:
/// i = arange(72); z = 2 sin(1.7 i + (0.3 i i) mod 5); softmax over classes.
torch::Tensor peer_probabilities() {
  torch::Tensor z = torch::empty({4, 6, 3}, torch::kFloat64);
  for (int i = 0; i < 72; ++i) {
    z.mutable_data_ptr<double>()[i] = 2 * std::sin(1.7 * i + std::fmod(0.3 * i * i, 5));
  }
  return z.softmax(2);
}

// scikit-activeml 1.0.1: average_kl_divergence, vote_entropy and batch_bald(p, 4, n_MC_samples=100000), eps=1e-12.
const std::vector<double> peer_kl{0.2887234500997189,  0.17190492931014623, 0.1984250030681944,
                                  0.39371293963455545, 0.3850532345352487,  0.3396826584921994};
const std::vector<double> peer_votes{0.6931471805599453, 0.5623351446188083, 0.5623351446188083,
                                     1.0397207708399179, 1.0397207708399179, 0.5623351446188083};
const Positions peer_batch{3, 4, 5, 0};
const std::vector<double> peer_joint{0.39371293963455545, 0.7342417580118239, 0.9098902753264662, 1.0463557829592007};

}  // namespace

TEST_CASE("bald, consensus KL and vote entropy are those of scikit-activeml", "[query]") {
  const torch::Tensor p = peer_probabilities();
  check_equal(bald_scores(p, true, 0), peer_kl);
  check_equal(disagreement(p, CommitteeMeasure::consensus_kl), peer_kl);
  check_equal(disagreement(p, CommitteeMeasure::vote_entropy), peer_votes);
  CHECK(select_by_committee(Bald({.max_samples = 3, .draws = 4}), ClassCommittee{p}, 6).positions ==
        Positions{3, 4, 5});
  CHECK(select_by_committee(QueryByCommittee({.max_samples = 3, .measure = CommitteeMeasure::vote_entropy, .draws = 4}),
                            ClassCommittee{p}, 6)
            .positions == Positions{3, 4, 0});
}

TEST_CASE("two functions that contradict each other with certainty have ln 2 to tell, agreeing ones nothing",
          "[query]") {
  const torch::Tensor p = torch::tensor({{{1.0, 0.0}, {0.7, 0.3}}, {{0.0, 1.0}, {0.7, 0.3}}}, torch::kFloat64);
  check_equal(bald_scores(p, true, 0), {std::log(2.0), 0});
}

TEST_CASE("bald of a regression compares variance with noise", "[query]") {
  // Variances 2 and 8; ½ ln(1 + variance / 4).
  const torch::Tensor f = torch::tensor({{{0.0}, {0.0}}, {{2.0}, {4.0}}}, torch::kFloat64);
  check_equal(bald_scores(f, false, 2), {std::log(1.5) / 2, std::log(3.0) / 2});
  CHECK(disagreement(f, CommitteeMeasure::max_deviation)[1].item<double>() == Approx(2));
}

TEST_CASE("the largest deviation is over the targets, of all functions as they are", "[query]") {
  // Sample 0: deviations 1 and 3; sample 1: 2 and 0. Population deviations, not √2 times as large.
  const torch::Tensor f = torch::tensor({{{1.0, 1.0}, {0.0, 5.0}}, {{3.0, 7.0}, {4.0, 5.0}}}, torch::kFloat64);
  check_equal(disagreement(f, CommitteeMeasure::max_deviation), {3, 2});
  // Several targets add up their information: ½ ln(1 + 2/4) + ½ ln(1 + 18/4).
  check_equal(bald_scores(f, false, 2), {std::log(1.5 * 5.5) / 2, std::log(3.0) / 2});
}

TEST_CASE("batch_bald gives the batch and the information that scikit-activeml gives", "[query]") {
  const Selection exact = select_by_committee(BatchBald({.max_samples = 4, .draws = 4}),
                                              ClassCommittee{peer_probabilities()}, 6);
  CHECK(exact.positions == peer_batch);
  double joint = 0;
  for (std::size_t i = 0; i < peer_joint.size(); ++i) CHECK((joint += exact.scores[i]) == Approx(peer_joint[i]));
}

TEST_CASE("batch_bald with drawn configurations comes near the exact information", "[query]") {
  const Selection drawn = select_by_committee(BatchBald({.max_samples = 4, .draws = 4, .configurations = 20}),
                                              ClassCommittee{peer_probabilities().repeat({1, 1, 1})}, 6);
  CHECK(drawn.positions.size() == 4);
  CHECK(drawn.scores[0] == Approx(peer_joint[0]));
  double mean = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Selection some = select_by_committee(BatchBald({.max_samples = 4, .draws = 4, .configurations = 20}),
                                               ClassCommittee{peer_probabilities()}, 6, 0, seed);
    for (const double score : some.scores) mean += score / 50;
  }
  CHECK(mean == Approx(peer_joint.back()).epsilon(0.12));
}

TEST_CASE("batch_bald avoids the copy that bald takes", "[query]") {
  // Samples 0 and 1 are the same question; 2 is another one, a little less telling.
  const torch::Tensor p = torch::tensor({{{0.95, 0.05}, {0.95, 0.05}, {0.9, 0.1}},
                                         {{0.95, 0.05}, {0.95, 0.05}, {0.1, 0.9}},
                                         {{0.05, 0.95}, {0.05, 0.95}, {0.9, 0.1}},
                                         {{0.05, 0.95}, {0.05, 0.95}, {0.1, 0.9}}},
                                        torch::kFloat64);
  CHECK(select_by_committee(Bald({.max_samples = 2, .draws = 4}), ClassCommittee{p}, 3).positions == Positions{0, 1});
  CHECK(select_by_committee(BatchBald({.max_samples = 2, .draws = 4}), ClassCommittee{p}, 3).positions ==
        Positions{0, 2});
  const torch::Tensor f = p.select(2, 0).unsqueeze(2);
  CHECK(select_by_committee(BatchBald({.max_samples = 2, .draws = 4}), Committee{f}, 3).positions == Positions{0, 2});
  const Selection gains = select_by_committee(BatchBald({.max_samples = 1, .draws = 4, .noise = 0.5}), Committee{f}, 3);
  CHECK(gains.scores.front() == Approx(std::log(1 + 0.27 / 0.25) / 2));  // the variance of ±0.45, four draws
}

TEST_CASE("power_bald draws by the score: a large power takes the best", "[query]") {
  const ClassCommittee committee{peer_probabilities()};
  CHECK(select_by_committee(PowerBald({.max_samples = 3, .draws = 4, .beta = 400}), committee, 6).positions ==
        Positions{3, 4, 5});
  std::vector<int> first(6);
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    ++first[static_cast<std::size_t>(
        select_by_committee(PowerBald({.max_samples = 1, .draws = 4}), committee, 6, 0, seed).positions.front())];
  }
  const double sum = peer_kl[0] + peer_kl[1] + peer_kl[2] + peer_kl[3] + peer_kl[4] + peer_kl[5];
  for (std::size_t i = 0; i < 6; ++i) CHECK(first[i] / 600.0 == Approx(peer_kl[i] / sum).margin(0.07));
}

TEST_CASE("an ensemble's draws are its members, each as often as any other", "[query]") {
  Ensemble learner = toy::ensemble();
  learner.fit_scaling(toy::labeled(16), false);
  learner.reset(2);
  const torch::Tensor draws = learner.posterior_draws(toy::labeled(4), 6, 8);
  const torch::Tensor rows = draws.select(2, 0);  // [6, 4]
  for (int i = 0; i < 6; ++i) {
    int same = 0;
    for (int j = 0; j < 6; ++j) same += torch::equal(rows[i], rows[j]) ? 1 : 0;
    CHECK(same == 2);
  }
  CHECK(torch::equal(draws, learner.posterior_draws(toy::labeled(4), 6, 8)));
}

TEST_CASE("mix gives each strategy its share, and says who picked what", "[query]") {
  const ClassCommittee committee{peer_probabilities()};
  const Selection picked = select_by_committee(
      Mix({.max_samples = 4,
           .strategies = {Bald({.draws = 4}),
                          QueryByCommittee({.measure = CommitteeMeasure::vote_entropy, .draws = 4})},
           .shares = {3, 1}}),
      committee, 6);
  CHECK(picked.positions == Positions{3, 4, 5, 0});
  CHECK(picked.strategies == std::vector<std::string>{"bald", "bald", "bald", "query_by_committee"});
  // The first may give one at most: the second makes up for it.
  const Selection short_of = select_by_committee(
      Mix({.max_samples = 4, .strategies = {Bald({.max_samples = 1, .draws = 4}), Random()}}), committee, 6);
  CHECK(std::count(short_of.strategies.begin(), short_of.strategies.end(), "random") == 3);
  CHECK_THROWS_WITH(Mix({.strategies = {Random()}, .shares = {1, 2}}), Contains("mix/shares"));
}

TEST_CASE("subsample asks about as many candidates as it is told, others each round", "[query]") {
  const ClassCommittee committee{peer_probabilities()};
  std::vector<bool> seen(6);
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Selection picked = select_by_committee(Subsample({.strategy = Bald({.draws = 4}), .candidates = 2}),
                                                 committee, 6, 0, seed);
    REQUIRE(picked.positions.size() == 2);
    CHECK(peer_kl[static_cast<std::size_t>(picked.positions[0])] >
          peer_kl[static_cast<std::size_t>(picked.positions[1])]);
    for (const std::int64_t position : picked.positions) seen[static_cast<std::size_t>(position)] = true;
  }
  CHECK(std::count(seen.begin(), seen.end(), true) == 6);
}

TEST_CASE("filter offers what the predicate lets through, and refuses predicates of another shape", "[query]") {
  const ClassCommittee committee{peer_probabilities()};
  const auto odd = [](const Values& x) { return x["i"].remainder(2) == 1; };
  CHECK(
      select_by_committee(Filter({.strategy = Bald({.draws = 4}), .predicate = "odd"}, odd), committee, 6).positions ==
      Positions{3, 5, 1});
  const auto numbers = [](const Values& x) { return x["i"]; };
  CHECK_THROWS_WITH(select_by_committee(Filter({.predicate = "numbers"}, numbers), committee, 6),
                    Contains("assay.query.predicate") && Contains("filter/numbers"));
  Registries registries;
  CHECK_THROWS_WITH(registries.query.make({{"type", "filter"}, {"predicate", "odd"}}, registries),
                    Contains("/predicate"));
  registries.predicates.add("odd", odd);
  CHECK(select_by_committee(registries.query.make({{"type", "filter"}, {"predicate", "odd"}}, registries), committee, 6)
            .positions.size() == 3);
}

TEST_CASE("cold_start changes its strategy when there are labels enough", "[query]") {
  const ClassCommittee committee{peer_probabilities()};
  const ColdStart query(
      {.start = Random({.max_samples = 2}), .strategy = Bald({.max_samples = 2, .draws = 4}), .labels = 3});
  CHECK(select_by_committee(query, committee, 6, 2).strategies == std::vector<std::string>{"random", "random"});
  CHECK(select_by_committee(query, committee, 6, 3).strategies == std::vector<std::string>{"bald", "bald"});
}
