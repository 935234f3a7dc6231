// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct BaldOptions {
  std::int64_t max_samples = 16;
  std::int64_t draws = 20;
  double noise = 0.1;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "draws",
                 .help = "functions drawn from the posterior; of an ensemble, a multiple of its members",
                 .min = 2},
      OptionInfo{
          .name = "noise", .help = "regression: deviation of a label, targets having deviation one", .min = 1e-6},
  };
};

/// BALD: the candidates whose label says most about the model, each on its own.
///
///     classes:     H[1/D Σ_d p_d(· | x)] - 1/D Σ_d H[p_d(· | x)]
///     regression:  ½ Σ_outputs log(1 + var_d f_d(x) / noise²)
///
/// Cost: one pass of posterior draws over the candidates.
/// Source: Houlsby, Huszár, Ghahramani and Lengyel 2011, "Bayesian active learning for classification and preference
/// learning", equation 2; Gal, Islam and Ghahramani 2017, "Deep Bayesian active learning with image data".
class Bald {
 public:
  static constexpr std::string_view key = "bald";
  static constexpr std::string_view summary = "labels that say most about the model, each on its own";

  explicit Bald(BaldOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<PosteriorDraws>& context) const;

  BaldOptions options;
};

/// The score that `Bald` picks by. Shapes: draws [draws, n, k] → [n] float64.
/// \param classes whether the draws are class probabilities.
torch::Tensor bald_scores(const torch::Tensor& draws, bool classes, double noise);

}  // namespace assay
