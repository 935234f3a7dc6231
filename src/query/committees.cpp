// SPDX-License-Identifier: Apache-2.0
// Scores from functions drawn from the learner's posterior, each candidate on its own.
#include <assay/query/bald.hpp>
#include <assay/query/power_bald.hpp>
#include <assay/query/query_by_committee.hpp>
#include <assay/select/stochastic.hpp>
#include <assay/select/top_k.hpp>

#include <ATen/ops/one_hot.h>
#include <ATen/ops/special_entr.h>

namespace assay {

namespace {

/// What the committee says, [draws, n, k] float64.
torch::Tensor draw(const QueryContext& context, std::int64_t draws) {
  return detail::posterior_draws(context.learner(), context.unlabeled(), draws, context.random().with("draws").bits())
      .to(torch::kFloat64);
}

bool classifies(const QueryContext& context) {
  return context.learner().capabilities().has(Capability::class_probabilities);
}

torch::Tensor information(const torch::Tensor& p) {
  const torch::Tensor together = at::special_entr(p.mean(0)).sum(1);
  return (together - at::special_entr(p).sum(2).mean(0)).clamp_min(0);
}

}  // namespace

torch::Tensor bald_scores(const torch::Tensor& draws, bool classes, double noise) {
  if (classes) return information(draws);
  return (draws.var(0, /*unbiased=*/true) / (noise * noise)).log1p().sum(1) / 2;
}

torch::Tensor disagreement(const torch::Tensor& draws, CommitteeMeasure measure) {
  switch (measure) {
    case CommitteeMeasure::vote_entropy: {
      const torch::Tensor votes = at::one_hot(draws.argmax(2), draws.size(2)).to(torch::kFloat64);
      return at::special_entr(votes.mean(0)).sum(1);
    }
    case CommitteeMeasure::consensus_kl: return information(draws);  // the same, written otherwise
    case CommitteeMeasure::max_deviation: break;
  }
  return draws.var(0, /*unbiased=*/false).sqrt().amax(1);
}

Selection Bald::select(const QueryContextWith<PosteriorDraws>& context) const {
  if (context.unlabeled().empty()) return {};
  return top_k(bald_scores(draw(context, options.draws), classifies(context), options.noise), options.max_samples,
               context.unlabeled().ids());
}

Selection PowerBald::select(const QueryContextWith<PosteriorDraws>& context) const {
  if (context.unlabeled().empty()) return {};
  return power_top_k(bald_scores(draw(context, options.draws), classifies(context), options.noise), options.max_samples,
                     context.random().with("power"), {.beta = options.beta}, context.unlabeled().ids());
}

Selection QueryByCommittee::select(const QueryContext& context) const {
  if (context.unlabeled().empty()) return {};
  return top_k(disagreement(draw(context, options.draws), options.measure), options.max_samples,
               context.unlabeled().ids());
}

CapabilitySet QueryByCommittee::requirements() const {
  const CapabilitySet draws = Capability::posterior_draws;
  return options.measure == CommitteeMeasure::max_deviation ? draws : draws | Capability::class_probabilities;
}

}  // namespace assay
