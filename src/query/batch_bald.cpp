// SPDX-License-Identifier: Apache-2.0
#include <assay/query/bald.hpp>
#include <assay/query/batch_bald.hpp>
#include <assay/select/max_det.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/special_entr.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay {

namespace {

constexpr std::int64_t chunk = 64;

/// The labels that the chosen candidates may have together, and how probable each drawn function finds them.
class Configurations {
 public:
  Configurations(std::int64_t draws, std::int64_t most, const RandomKey& random)
      : most_(most),
        random_(random),
        given_(at::ones({1, draws}, torch::kFloat64)),
        weight_(at::ones({1}, torch::kFloat64)) {}

  /// H[y_chosen].
  double entropy() const {
    const torch::Tensor p = given_.mean(1);
    return (weight_ * at::special_entr(p)).sum().item<double>();
  }
  /// H[y_i, y_chosen] of candidates. Shapes: p [draws, m, classes] → [m].
  torch::Tensor entropy_with(const torch::Tensor& p) const {
    const std::int64_t m = p.size(1), classes = p.size(2);
    const torch::Tensor joint = at::mm(given_, p.reshape({p.size(0), m * classes})) / p.size(0);
    return at::mm(weight_.unsqueeze(0), at::special_entr(joint)).reshape({m, classes}).sum(1);
  }
  /// Adds a chosen candidate's labels. Shapes: p [draws, classes].
  void add(const torch::Tensor& p) {
    ++chosen_;
    if (exact_ && given_.size(0) * p.size(1) <= most_) {
      given_ = (given_.unsqueeze(1) * p.t().unsqueeze(0)).flatten(0, 1);
      weight_ = at::ones({given_.size(0)}, torch::kFloat64);
      return;
    }
    if (exact_) draw_configurations();
    // Each configuration draws its next label from what it makes probable.
    const torch::Tensor joint = at::mm(given_, p);
    const torch::Tensor sums = joint.cumsum(1);
    const torch::Tensor target = uniform(given_.size(0), "label").unsqueeze(1) * sums.narrow(1, p.size(1) - 1, 1);
    const torch::Tensor label = at::searchsorted(sums, target, false, /*right=*/true).clamp_max(p.size(1) - 1);
    given_ = given_ * p.t().index_select(0, label.flatten());
    weigh();
  }

 private:
  torch::Tensor uniform(std::int64_t count, std::string_view purpose) const {
    const RandomKey key = random_.with(purpose).with(chosen_);
    torch::Tensor draws = at::empty({count}, torch::kFloat64);
    for (std::int64_t i = 0; i < count; ++i) draws.mutable_data_ptr<double>()[i] = key.with(i).uniform();
    return draws;
  }
  void draw_configurations() {
    exact_ = false;
    const torch::Tensor sums = given_.mean(1).cumsum(0);
    const torch::Tensor target = uniform(most_, "configuration") * sums.select(0, sums.size(0) - 1);
    given_ = given_.index_select(0, at::searchsorted(sums, target, false, true).clamp_max(sums.size(0) - 1));
  }
  /// Sums over all configurations become averages over those drawn, each over its probability.
  void weigh() { weight_ = 1 / (given_.mean(1) * static_cast<double>(given_.size(0))); }

  std::int64_t most_;
  RandomKey random_;
  std::int64_t chosen_ = 0;
  bool exact_ = true;
  torch::Tensor given_;   // [configurations, draws]
  torch::Tensor weight_;  // [configurations]
};

Selection select_classes(const torch::Tensor& p, std::int64_t max_samples, std::int64_t configurations,
                         const RandomKey& random, const std::vector<SampleId>& ids) {
  const std::int64_t n = p.size(1);
  const torch::Tensor own = at::special_entr(p).sum(2).mean(0);
  const torch::Tensor first = bald_scores(p, true, 0);
  std::vector<double> bound(first.const_data_ptr<double>(), first.const_data_ptr<double>() + n);
  std::vector<std::int64_t> left(static_cast<std::size_t>(n));
  std::iota(left.begin(), left.end(), 0);
  const auto better = [&](std::int64_t a, std::int64_t b) {
    const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
    return bound[i] != bound[j] ? bound[i] > bound[j] : ids[i] < ids[j];
  };
  Configurations chosen(p.size(0), configurations, random);
  Selection selection;
  while (!left.empty() && static_cast<std::int64_t>(selection.positions.size()) < max_samples) {
    std::sort(left.begin(), left.end(), better);
    const double before = chosen.entropy();
    std::int64_t best = -1;
    std::size_t looked_at = 0;
    // A gain is at most what it was before: once the best beats the next bound, nobody else can win.
    while (looked_at < left.size() && (best < 0 || !better(best, left[looked_at]))) {
      const std::size_t end = std::min(left.size(), looked_at + static_cast<std::size_t>(chunk));
      const std::vector<std::int64_t> some(left.begin() + static_cast<std::ptrdiff_t>(looked_at),
                                           left.begin() + static_cast<std::ptrdiff_t>(end));
      const torch::Tensor rows = at::tensor(some, torch::kInt64);
      const torch::Tensor gain = chosen.entropy_with(p.index_select(1, rows)) - before - own.index_select(0, rows);
      for (std::size_t i = 0; i < some.size(); ++i) {
        bound[static_cast<std::size_t>(some[i])] = gain.const_data_ptr<double>()[i];
        if (best < 0 || better(some[i], best)) best = some[i];
      }
      looked_at = end;
    }
    selection.positions.push_back(best);
    selection.scores.push_back(bound[static_cast<std::size_t>(best)]);
    chosen.add(p.select(1, best));
    std::erase(left, best);
  }
  return selection;
}

/// The joint information of a Gaussian: the greedy log-determinant of the draws' covariance.
Selection select_outputs(const torch::Tensor& draws, double noise, std::int64_t max_samples,
                         const std::vector<SampleId>& ids) {
  const torch::Tensor centered = draws - draws.mean(0);
  const torch::Tensor features = centered.permute({1, 0, 2}).flatten(1) /
                                 std::sqrt(static_cast<double>(draws.size(0) - 1));
  SelectedBatch batch = max_det({.pool = FeatureMatrix(features, "draws"), .count = max_samples, .ids = ids},
                                {.sigma = noise});
  for (double& score : batch.scores) score = std::log(std::max(score, noise * noise) / (noise * noise)) / 2;
  return {.positions = std::move(batch.rows), .scores = std::move(batch.scores), .strategies = {}};
}

}  // namespace

Selection BatchBald::select(const QueryContextWith<PosteriorDraws>& context) const {
  if (context.unlabeled().empty()) return {};
  const torch::Tensor draws = context.learner()
                                  .posterior_draws(context.unlabeled(), options.draws,
                                                   context.random().with("draws").bits())
                                  .to(torch::kFloat64);
  if (context.learner().capabilities().has(Capability::class_probabilities)) {
    return select_classes(draws.contiguous(), options.max_samples, options.configurations,
                          context.random().with("configurations"), context.unlabeled().ids());
  }
  return select_outputs(draws, options.noise, options.max_samples, context.unlabeled().ids());
}

}  // namespace assay
