// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct PowerBaldOptions {
  std::int64_t max_samples = 16;
  std::int64_t draws = 20;
  double noise = 0.1;
  double beta = 1;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "draws",
                 .help = "functions drawn from the posterior; of an ensemble, a multiple of its members",
                 .min = 2},
      OptionInfo{
          .name = "noise", .help = "regression: deviation of a label, targets having deviation one", .min = 1e-6},
      OptionInfo{.name = "beta", .help = "0: at random; large: as bald", .min = 0},
  };
};

/// PowerBALD: drawn without replacement with chances proportional to BALD^beta: as good as BatchBALD at the cost of
/// BALD.
///
/// Scores are those of BALD. Cost: one pass of posterior draws over the candidates.
/// Source: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal 2023, "Stochastic batch acquisition: a
/// simple baseline for deep active learning", section 3.
class PowerBald {
 public:
  static constexpr std::string_view key = "power_bald";
  static constexpr std::string_view summary = "drawn by a power of BALD";

  explicit PowerBald(PowerBaldOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<PosteriorDraws>& context) const;

  PowerBaldOptions options;
};

}  // namespace assay
