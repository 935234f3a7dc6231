// SPDX-License-Identifier: Apache-2.0
// Query strategies on figures small enough to check by hand.
#include "support/catch.hpp"
#include "support/positions.hpp"
#include "support/toy.hpp"

#include <map>
#include <set>

using namespace assay;

namespace {

/// Answers from tables: sample i has row i.
struct TableLearner {
  torch::Tensor probabilities, variances;

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
  torch::Tensor class_probabilities(const Values& x) const {
    return probabilities.index_select(0, x["i"].to(torch::kInt64));
  }
  Values variance(const Values& x) const { return {{"y", variances.index_select(0, x["i"].to(torch::kInt64))}}; }
};

Selection select_from_table(AnyQuery query, TableLearner learner, std::int64_t candidates, std::uint64_t seed = 1) {
  const TensorPool pool(Values{{"i", torch::arange(candidates, torch::kFloat64)}}, 100);
  const QueryInputs inputs{.unlabeled = PoolView(pool, pool.ids()),
                           .labeled = {},
                           .learner = LearnerView(LearnerRef(learner)),
                           .round = 1,
                           .random = RandomKey(seed)};
  return query.select(QueryContext(inputs));
}

/// One confident row, and three whose order each of the three measures sees otherwise.
const TableLearner classifier{
    .probabilities = torch::tensor({{0.98, 0.01, 0.01}, {0.50, 0.49, 0.01}, {0.40, 0.30, 0.30}, {0.60, 0.20, 0.20}},
                                   torch::kFloat64),
    .variances = {}};

void check_scores(const Selection& selection, const std::vector<double>& expected) {
  REQUIRE(selection.scores.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(selection.scores[i] == Approx(expected[i]).epsilon(1e-4));
}

}  // namespace

TEST_CASE("least confidence picks the smallest largest probability", "[query]") {
  const Selection picked = select_from_table(LeastConfidence({.max_samples = 4}), classifier, 4);
  CHECK(picked.positions == Positions{2, 1, 3, 0});
  check_scores(picked, {0.6, 0.5, 0.4, 0.02});
}

TEST_CASE("margin picks the smallest gap between the two largest probabilities", "[query]") {
  const Selection picked = select_from_table(Margin({.max_samples = 4}), classifier, 4);
  CHECK(picked.positions == Positions{1, 2, 3, 0});
  check_scores(picked, {0.99, 0.9, 0.6, 0.03});
}

TEST_CASE("entropy picks the largest entropy", "[query]") {
  const Selection picked = select_from_table(Entropy({.max_samples = 4}), classifier, 4);
  CHECK(picked.positions == Positions{2, 3, 1, 0});
  check_scores(picked, {1.0889, 0.9503, 0.7422, 0.1119});
}

TEST_CASE("random picks every candidate equally often, none twice, and by the seed", "[query]") {
  constexpr int draws = 4000, candidates = 12, picks = 3;
  std::vector<int> counts(candidates), first(candidates);
  for (int seed = 0; seed < draws; ++seed) {
    const Positions picked = select_from_table(Random({.max_samples = picks}), classifier, candidates, seed).positions;
    CHECK(std::set<std::int64_t>(picked.begin(), picked.end()).size() == picks);
    for (const std::int64_t position : picked) ++counts[static_cast<std::size_t>(position)];
    ++first[static_cast<std::size_t>(picked.front())];
  }
  const auto chi_square = [](const std::vector<int>& observed, double expected) {
    double sum = 0;
    for (const int count : observed) sum += (count - expected) * (count - expected) / expected;
    return sum;
  };
  // 31.3 is the 99.9 % point with 11 degrees of freedom; without replacement the counts vary less.
  CHECK(chi_square(counts, 1.0 * draws * picks / candidates) < 31.3);
  CHECK(chi_square(first, 1.0 * draws / candidates) < 31.3);
  const auto pick = [](std::uint64_t seed) {
    return select_from_table(Random({.max_samples = 3}), classifier, 12, seed).positions;
  };
  CHECK(pick(5) == pick(5));
  CHECK_FALSE(pick(5) == pick(6));
}

TEST_CASE("diversity draws the batch from a longer list of the largest variances", "[query]") {
  const TableLearner learner{
      .probabilities = {}, .variances = torch::tensor({0.1, 0.9, 0.3, 0.8, 0.2, 0.7, 0.6, 0.5, 0.05}, torch::kFloat64)};
  const Selection sharp = select_from_table(MaxVariance({.max_samples = 2}), learner, 9);
  CHECK(sharp.positions == Positions{1, 3});
  check_scores(sharp, {0.9, 0.8});

  const std::set<std::int64_t> longer{1, 3, 5, 6, 7, 2};  // the three times two largest
  std::set<std::int64_t> seen;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Selection picked = select_from_table(MaxVariance({.max_samples = 2, .diversity = 3}), learner, 9, seed);
    REQUIRE(picked.positions.size() == 2);
    CHECK(picked.positions[0] != picked.positions[1]);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(picked.scores[i] == learner.variances[picked.positions[i]].item<double>());
    }
    seen.insert(picked.positions.begin(), picked.positions.end());
  }
  CHECK(seen == longer);
}
