// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

enum class CommitteeMeasure { vote_entropy, consensus_kl, max_deviation };

struct QueryByCommitteeOptions {
  std::int64_t max_samples = 16;
  CommitteeMeasure measure = CommitteeMeasure::consensus_kl;
  std::int64_t draws = 20;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "measure", .help = "how disagreement is measured"},
      OptionInfo{.name = "draws",
                 .help = "functions drawn from the posterior; of an ensemble, a multiple of its members",
                 .min = 2},
  };
};

/// Picks where a committee of posterior draws disagrees most.
///
///     vote_entropy:   entropy of the shares of votes, one vote a member, for its most probable class
///     consensus_kl:   1/D Σ_d KL(p_d ‖ 1/D Σ p)
///     max_deviation:  max over outputs (or classes) of the deviation over members
///
/// The first two are for classifiers. The members of an ensemble are its committee.
/// Cost: one pass of posterior draws over the candidates.
/// Source: Dagan and Engelson 1995, "Committee-based sampling for training probabilistic classifiers" (vote entropy);
/// McCallum and Nigam 1998, "Employing EM and pool-based active learning for text classification" (KL to the mean);
/// Burbidge, Rowland and King 2007, "Active learning for regression based on query by committee".
class QueryByCommittee {
 public:
  static constexpr std::string_view key = "query_by_committee";
  static constexpr std::string_view summary = "where posterior draws disagree";

  explicit QueryByCommittee(QueryByCommitteeOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContext& context) const;
  CapabilitySet requirements() const;

  QueryByCommitteeOptions options;
};

/// The score that `QueryByCommittee` picks by. Shapes: draws [draws, n, k] → [n] float64.
torch::Tensor disagreement(const torch::Tensor& draws, CommitteeMeasure measure);

}  // namespace assay
