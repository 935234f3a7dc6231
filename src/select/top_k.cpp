// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/select/top_k.hpp>

#include <algorithm>
#include <cmath>
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

}  // namespace assay
