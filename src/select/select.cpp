// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/select/k_center.hpp>
#include <assay/select/top_k.hpp>

#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

namespace assay {

namespace {

SampleId id_at(std::span<const SampleId> ids, std::int64_t position) {
  return ids.empty() ? position : ids[static_cast<std::size_t>(position)];
}

}  // namespace

Selection top_k(const torch::Tensor& scores, std::int64_t max_samples, std::span<const SampleId> ids) {
  if (scores.dim() != 1 || (!ids.empty() && scores.size(0) != static_cast<std::int64_t>(ids.size()))) {
    std::ostringstream got;
    got << scores.sizes();
    throw ShapeError({"assay.query.scores", "top_k", "one score a candidate, [n]", got.str(), ""});
  }
  const torch::Tensor numbers = scores.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  const double* score = numbers.const_data_ptr<double>();
  const std::int64_t n = numbers.size(0);
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isnan(score[i])) continue;
    throw DataError({"assay.query.scores", "sample " + std::to_string(id_at(ids, i)), "a score", "nan",
                     "the learner's predictions there are not finite"});
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const auto count = static_cast<std::ptrdiff_t>(std::clamp<std::int64_t>(max_samples, 0, n));
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](std::int64_t a, std::int64_t b) {
    return score[a] != score[b] ? score[a] > score[b] : id_at(ids, a) < id_at(ids, b);
  });
  Selection selection;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    selection.positions.push_back(order[static_cast<std::size_t>(i)]);
    selection.scores.push_back(score[selection.positions.back()]);
  }
  return selection;
}

Selection k_center(const torch::Tensor& candidates, const torch::Tensor& centers, std::int64_t max_samples,
                   std::span<const SampleId> ids) {
  constexpr std::int64_t block = 256;
  const std::int64_t n = candidates.size(0);
  const torch::Tensor points = candidates.to(torch::kFloat64).contiguous();
  const torch::Tensor norms = points.square().sum(1);
  torch::Tensor nearest = at::full({n}, std::numeric_limits<double>::infinity(), torch::kFloat64);
  const auto add_centers = [&](const torch::Tensor& added) {  // squared distances by |x|² + |c|² - 2 x·c
    const torch::Tensor distance =
        (norms.unsqueeze(1) + added.square().sum(1).unsqueeze(0)).addmm_(points, added.t(), 1, -2);
    nearest = nearest.minimum(std::get<0>(distance.min(1)).clamp_min_(0));
  };
  const torch::Tensor fixed = centers.to(torch::kFloat64);
  for (std::int64_t first = 0; first < fixed.size(0); first += block) {
    add_centers(fixed.narrow(0, first, std::min(block, fixed.size(0) - first)));
  }
  Selection selection;
  std::vector<bool> taken(static_cast<std::size_t>(n));
  while (static_cast<std::int64_t>(selection.positions.size()) < std::min(max_samples, n)) {
    const double* distance = nearest.const_data_ptr<double>();
    std::int64_t best = -1;
    for (std::int64_t i = 0; i < n; ++i) {
      if (taken[static_cast<std::size_t>(i)]) continue;
      const bool better = best < 0 || distance[i] > distance[best] ||
                          (distance[i] == distance[best] && id_at(ids, i) < id_at(ids, best));
      if (better) best = i;
    }
    taken[static_cast<std::size_t>(best)] = true;
    selection.positions.push_back(best);
    selection.scores.push_back(std::sqrt(distance[best]));
    add_centers(points.narrow(0, best, 1));
    nearest = nearest.contiguous();
  }
  return selection;
}

}  // namespace assay
