// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/select/stochastic.hpp>
#include <assay/select/top_k.hpp>

#include <ATen/ops/empty.h>

#include <cmath>
#include <limits>
#include <string>

namespace assay {

namespace {

template <class Log>
Selection perturbed(const torch::Tensor& scores, std::int64_t max_samples, const RandomKey& random, double beta,
                    std::span<const SampleId> ids, Log log_weight) {
  if (scores.dim() != 1) return top_k(scores, max_samples, ids);  // throws
  const torch::Tensor given = scores.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  torch::Tensor keys = at::empty(given.sizes(), torch::kFloat64);
  const double* score = given.const_data_ptr<double>();
  double* key = keys.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < given.size(0); ++i) {
    const SampleId id = ids.empty() ? i : ids[static_cast<std::size_t>(i)];
    const double gumbel = -std::log(-std::log(random.with(id).uniform_open()));
    key[i] = beta == 0 && !std::isnan(score[i]) ? gumbel : beta * log_weight(score[i], id) + gumbel;
  }
  Selection selection = top_k(keys, max_samples, ids);
  for (std::size_t k = 0; k < selection.positions.size(); ++k) selection.scores[k] = score[selection.positions[k]];
  return selection;
}

}  // namespace

Selection power_top_k(const torch::Tensor& scores, std::int64_t max_samples, const RandomKey& random,
                      const StochasticOptions& options, std::span<const SampleId> ids) {
  require_valid(options, "power");
  return perturbed(scores, max_samples, random, options.beta, ids, [](double score, SampleId id) {
    if (score < 0) {
      throw DataError({"assay.query.scores", "sample " + std::to_string(id), "a score >= 0", std::to_string(score),
                       "softmax takes negative ones"});
    }
    return std::log(score);
  });
}

Selection softmax_top_k(const torch::Tensor& scores, std::int64_t max_samples, const RandomKey& random,
                        const StochasticOptions& options, std::span<const SampleId> ids) {
  require_valid(options, "softmax");
  return perturbed(scores, max_samples, random, options.beta, ids, [](double score, SampleId) { return score; });
}

}  // namespace assay
