// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/data/space.hpp>
#include <assay/data/tensor_pool.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace assay {

/// How candidates are drawn from a space.
enum class Design {
  sobol,            ///< the next points of Sobol's sequence: those of all rounds together are one
  latin_hypercube,  ///< another Latin hypercube each round
  uniform,          ///< independent uniform points
};

struct FreshOptions {
  std::int64_t count = 1000;                         ///< candidates a round
  Design design = Design::sobol;                     ///< which points
  std::int64_t skip = 0;                             ///< `sobol` only: points of the sequence to leave out at its start
  std::optional<std::uint64_t> seed = std::nullopt;  ///< of the draws; none: Sobol's sequence unscrambled, else 0
};

/// A pool of candidates that is drawn anew each round from a space, given to a campaign as `Pools::unlabeled`: many
/// rounds see many points, and no more than `count` are held and scored at a time.
///
/// The candidates of a round depend on the round alone, and have ids of their own: a campaign that is resumed, or goes
/// through its rounds again, has the same ones. A design whose inputs are labeled, or were chosen before, is not
/// offered again (unless `Duplicates::replicate`), which matters in spaces of whole numbers and categories. As any
/// other pool it is the batch of the first round. Cost: that of the design, each round; with conditions Sobol's
/// sequence is gone through from its start. Errors: `ConfigError` for a `skip` with another design, and as the
/// functions of the designs.
class FreshCandidates {
 public:
  explicit FreshCandidates(Space space, FreshOptions options = {});

  std::int64_t size() const noexcept { return first_.size(); }
  Values gather(std::span<const std::int64_t> rows) const { return first_.gather(rows); }
  /// The candidates of a round >= 1: a batch of `size()` designs, always the same.
  Values draw(std::int64_t round) const;
  /// What the draws depend on: compared when a campaign is resumed.
  Json spec() const;

 private:
  Space space_;
  FreshOptions options_;
  TensorPool first_;
};

}  // namespace assay
