// SPDX-License-Identifier: Apache-2.0
#include <assay/query/features.hpp>
#include <assay/query/greedy_sampling.hpp>
#include <assay/select/k_center.hpp>

#include <ATen/ops/_euclidean_dist.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cdist.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <limits>

namespace assay {

namespace {

constexpr std::int64_t compared_rows = 4096;

/// The targets side by side, divided by their deviation over the labeled samples and times the root of what they count:
/// [n, outputs] float64.
torch::Tensor scaled(const Values& targets, const LearnerView& learner) {
  std::vector<torch::Tensor> columns;
  std::vector<double> weights;
  for (const std::string& name : learner.targets()) {
    torch::Tensor values = targets.at(name).to(torch::kFloat64);
    if (const torch::Tensor* variance = learner.target_variance().find(name)) values = values / variance->sqrt();
    columns.push_back(values.reshape({values.size(0), -1}));
    const std::int64_t components = columns.back().size(1);
    weights.insert(weights.end(), static_cast<std::size_t>(components), learner.component_weight(name, components));
  }
  const torch::Tensor all = at::cat(columns, 1);
  if (std::all_of(weights.begin(), weights.end(), [&](double w) { return w == weights.front(); })) return all;
  return all * at::tensor(weights, torch::kFloat64).sqrt();
}

/// Differences and not products: equal rows are at distance zero exactly.
torch::Tensor distances(const torch::Tensor& a, const torch::Tensor& b) {
  return at::cdist(a, b, 2.0, /*compute_mode=*/2);
}

torch::Tensor nearest_product(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& known_x,
                              const torch::Tensor& known_y) {
  std::vector<torch::Tensor> nearest;
  for (std::int64_t first = 0; first < x.size(0); first += compared_rows) {
    const std::int64_t count = std::min(compared_rows, x.size(0) - first);
    nearest.push_back(
        (distances(x.narrow(0, first, count), known_x) * distances(y.narrow(0, first, count), known_y)).amin(1));
  }
  return at::cat(nearest, 0);
}

/// iGS. Shapes: x, y [n, ...] candidates; known_x, known_y [m, ...], m > 0.
Selection both(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& known_x,
               const torch::Tensor& known_y, std::int64_t max_samples, const std::vector<SampleId>& ids) {
  torch::Tensor nearest = nearest_product(x, y, known_x, known_y).contiguous();
  const std::int64_t n = x.size(0);
  Selection selection;
  std::vector<bool> chosen(static_cast<std::size_t>(n));
  while (static_cast<std::int64_t>(selection.positions.size()) < std::min(max_samples, n)) {
    const double* score = nearest.const_data_ptr<double>();
    std::int64_t best = -1;
    for (std::int64_t i = 0; i < n; ++i) {
      if (chosen[static_cast<std::size_t>(i)]) continue;
      const bool wins = best < 0 || score[i] > score[best] ||
                        (score[i] == score[best] &&
                         ids[static_cast<std::size_t>(i)] < ids[static_cast<std::size_t>(best)]);
      if (wins) best = i;
    }
    chosen[static_cast<std::size_t>(best)] = true;
    selection.positions.push_back(best);
    selection.scores.push_back(score[best]);
    nearest = at::minimum(nearest, nearest_product(x, y, x.narrow(0, best, 1), y.narrow(0, best, 1)));
  }
  return selection;
}

}  // namespace

Selection GreedySampling::select(const QueryContext& context) const {
  if (context.unlabeled().empty()) return {};
  const LearnerView& learner = context.learner();
  const std::vector<SampleId>& ids = context.unlabeled().ids();
  FeaturePair x, y;
  if (options.space != GreedySpace::outputs) {
    x = make_features(context, {.of = FeatureBase::inputs});
    if (!x.labeled.defined()) x.labeled = x.unlabeled.narrow(0, 0, 0);
  }
  if (options.space != GreedySpace::inputs) {
    y.unlabeled = scaled(learner.predict(context.unlabeled()), learner);
    y.labeled = context.labeled().empty() ? y.unlabeled.narrow(0, 0, 0)
                                          : scaled(context.labeled().values().pick(learner.targets()), learner);
  }
  if (options.space == GreedySpace::outputs) {
    return k_center(y.unlabeled, y.labeled, options.max_samples, ids);
  }
  if (options.space == GreedySpace::inputs || context.labeled().empty()) {
    return k_center(x.unlabeled, x.labeled, options.max_samples, ids);
  }
  return both(x.unlabeled, y.unlabeled, x.labeled, y.labeled, options.max_samples, ids);
}

}  // namespace assay
