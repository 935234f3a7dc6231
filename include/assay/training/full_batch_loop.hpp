// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/any/any_learner.hpp>
#include <assay/options.hpp>
#include <assay/training/context.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace assay {

struct FullBatchLoopOptions {
  std::int64_t iterations = 100;
  std::int64_t starts = 3;
  double tolerance = 1e-6;

  static constexpr std::array describe{
      OptionInfo{.name = "iterations", .help = "most of a start", .min = 1},
      OptionInfo{.name = "starts", .help = "from weights drawn anew; the best is kept", .min = 1},
      OptionInfo{.name = "tolerance", .help = "a start ends where no gradient is larger", .min = 0},
  };
};

/// Minimises the loss of the whole labeled pool by L-BFGS with a line search: for a `GaussianProcess`, and for small
/// smooth learners.
///
/// The first training draws weights `starts` times and keeps the best end; later ones also go on from the weights that
/// are there. In float64 on the CPU. The validation pool is not looked at, and every labeled sample is trained on.
/// A stop request is answered after the training, a matter of seconds; a training that was killed is done again.
/// Cost: about 1.3 losses of the whole pool, with gradients, an iteration.
/// Errors: `TrainingError` if every start ends without a finite loss.
/// Source: Nocedal and Wright 2006, "Numerical optimization", algorithms 7.5 and 3.5.
class FullBatchLoop {
 public:
  static constexpr std::string_view key = "full_batch";
  static constexpr std::string_view summary = "L-BFGS on the whole labeled pool: for Gaussian processes";

  explicit FullBatchLoop(FullBatchLoopOptions options_ = {}) : options(options_) { require_valid(options, key); }
  TrainingReport train(LearnerRef learner, TrainingContext& context);
  State save() const { return {}; }
  void load(const State&) {}

  FullBatchLoopOptions options;
};

}  // namespace assay
