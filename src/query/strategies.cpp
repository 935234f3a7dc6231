// SPDX-License-Identifier: Apache-2.0
#include <assay/query/core_set.hpp>
#include <assay/query/entropy.hpp>
#include <assay/query/least_confidence.hpp>
#include <assay/query/margin.hpp>
#include <assay/query/random.hpp>
#include <assay/query/variance.hpp>
#include <assay/select/k_center.hpp>
#include <assay/select/top_k.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/special_entr.h>

#include <algorithm>

namespace assay {

namespace {

/// `count` of `positions`, drawn by the samples' ids.
std::vector<std::int64_t> draw(const QueryContext& context, const std::vector<std::int64_t>& positions,
                               std::int64_t count) {
  std::vector<SampleId> ids;
  for (const std::int64_t position : positions)
    ids.push_back(context.unlabeled().ids()[static_cast<std::size_t>(position)]);
  std::vector<std::int64_t> order = random_order(context.random(), ids);
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  for (std::int64_t& entry : order) entry = positions[static_cast<std::size_t>(entry)];
  return order;
}

}  // namespace

Selection Random::select(const QueryContext& context) const {
  Selection selection{
      .positions = random_order(context.random(), context.unlabeled().ids()), .scores = {}, .strategies = {}};
  if (static_cast<std::int64_t>(selection.positions.size()) > options.max_samples) {
    selection.positions.resize(static_cast<std::size_t>(options.max_samples));
  }
  return selection;
}

Selection LeastConfidence::select(const QueryContextWith<ClassProbabilities>& context) const {
  const torch::Tensor p = context.learner().class_probabilities(context.unlabeled());
  return top_k(1 - p.amax(1), options.max_samples, context.unlabeled().ids());
}

Selection Margin::select(const QueryContextWith<ClassProbabilities>& context) const {
  const torch::Tensor best = std::get<0>(context.learner().class_probabilities(context.unlabeled()).topk(2, 1));
  return top_k(1 - (best.select(1, 0) - best.select(1, 1)), options.max_samples, context.unlabeled().ids());
}

Selection Entropy::select(const QueryContextWith<ClassProbabilities>& context) const {
  const torch::Tensor p = context.learner().class_probabilities(context.unlabeled());
  return top_k(at::special_entr(p).sum(1), options.max_samples, context.unlabeled().ids());
}

Selection MaxVariance::select(const QueryContextWith<Variance>& context) const {
  const torch::Tensor variance = context.learner().variance(context.unlabeled(), options.targets);
  Selection best = top_k(variance, options.max_samples * options.diversity, context.unlabeled().ids());
  if (options.diversity == 1) return best;
  const torch::Tensor scores = variance.to(torch::kCPU, torch::kFloat64);
  best.positions = draw(context, best.positions, options.max_samples);
  best.scores.clear();
  for (const std::int64_t position : best.positions) best.scores.push_back(scores[position].item<double>());
  return best;
}

Selection CoreSet::select(const QueryContextWith<Embeddings>& context) const {
  if (context.unlabeled().empty()) return {};
  const torch::Tensor candidates = context.learner().embeddings(context.unlabeled());
  const torch::Tensor centers = context.labeled().empty() ? candidates.narrow(0, 0, 0)
                                                          : context.learner().embeddings(context.labeled());
  return k_center(candidates, centers, options.max_samples, context.unlabeled().ids());
}

}  // namespace assay
