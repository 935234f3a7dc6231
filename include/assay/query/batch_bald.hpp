// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/options.hpp>
#include <assay/query/context.hpp>
#include <assay/query/selection.hpp>

#include <array>
#include <string_view>

namespace assay {

struct BatchBaldOptions {
  std::int64_t max_samples = 16;
  std::int64_t draws = 20;
  double noise = 0.1;
  std::int64_t configurations = 10000;

  static constexpr std::array describe{
      OptionInfo{.name = "max_samples", .help = "samples a round", .min = 1},
      OptionInfo{.name = "draws",
                 .help = "functions drawn from the posterior; of an ensemble, a multiple of its members",
                 .min = 2},
      OptionInfo{
          .name = "noise", .help = "regression: deviation of a label, targets having deviation one", .min = 1e-6},
      OptionInfo{
          .name = "configurations", .help = "most label combinations of a batch; beyond, so many are drawn", .min = 1},
  };
};

/// BatchBALD: the batch whose labels together say most about the model, greedily.
///
///     classes:     argmax_i  H[y_i, y_chosen] - H[y_chosen] - 1/D Σ_d H[p_d(· | x_i)]
///     regression:  argmax_i  log var(f_i + noise | chosen), the covariance over draws
///
/// The joint entropy is a sum over all labels of the batch while these are at most `configurations`, then an average
/// over so many drawn ones. A gain never exceeds the candidate's earlier ones, so that few candidates are looked at
/// again (drawn configurations: up to their noise). Scores are the gains, in nats.
/// Cost: one pass of posterior draws; configurations × draws × classes for every candidate looked at.
/// Source: Kirsch, van Amersfoort and Gal 2019, "BatchBALD: efficient and diverse batch acquisition for deep Bayesian
/// active learning", equations 8 to 12.
class BatchBald {
 public:
  static constexpr std::string_view key = "batch_bald";
  static constexpr std::string_view summary = "a batch whose labels together say most about the model";

  explicit BatchBald(BatchBaldOptions options_ = {}) : options(options_) { require_valid(options, key); }
  Selection select(const QueryContextWith<PosteriorDraws>& context) const;

  BatchBaldOptions options;
};

}  // namespace assay
